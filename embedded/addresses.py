"""`ecp env`: where the stack is reached, as lines for a shell; with passwords only where asked for."""

import shlex
from urllib.parse import urlsplit, urlunsplit

from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.kept_files import read_kept, texts_in
from embedded.settings import EmbeddedSettings


def addresses(settings: EmbeddedSettings, *, passwords: bool) -> list[str]:
    """`export NAME=url` for each address of this run, or of the last. Raises EmbeddedError where none has been."""
    file = DataDirectory(settings.data_dir).addresses
    if not file.exists():
        raise EmbeddedError(f"Nothing has run in {settings.data_dir} yet; start it with `make run`.")
    remedy = "remove it: the next start writes it"
    urls = texts_in(read_kept(file, remedy), file, remedy)
    return [f"export {name}={shlex.quote(url if passwords else _without_password(url))}" for name, url in urls.items()]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))
