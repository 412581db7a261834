"""`ecp env`: where the stack is reached, as lines for a shell; with passwords only where asked for."""

import json
import shlex
from urllib.parse import urlsplit, urlunsplit

from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings


def addresses(settings: EmbeddedSettings, *, passwords: bool) -> list[str]:
    """`export NAME=url` for each address of this run, or of the last. Raises EmbeddedError where none has been."""
    file = DataDirectory(settings.data_dir).addresses
    if not file.exists():
        raise EmbeddedError(f"Nothing has run in {settings.data_dir} yet; start it with `make run`.")
    urls: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return [f"export {name}={shlex.quote(url if passwords else _without_password(url))}" for name, url in urls.items()]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))
