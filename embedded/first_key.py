"""`ecp keys create --first`: the first administrator's key, made at the stack's database with the gateway's login."""

import os
import sys
from typing import NoReturn

from embedded.databases import EmbeddedDatabases
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings


def first_key(settings: EmbeddedSettings, name: str, days: str, *, demo: bool) -> NoReturn:
    """Become `python -m services.gateway.keys`. Raises EmbeddedError where no stack has ever run."""
    file = DataDirectory(settings.data_dir).database_passwords
    if not file.exists():
        raise EmbeddedError(f"Nothing has run in {settings.data_dir} yet; start it with `make run`.")
    urls = EmbeddedDatabases(settings, file).urls_of("gateway")
    arguments = ["--name", name, "--days", days, *(["--demo"] if demo else [])]
    os.execve(  # noqa: S606 - to become the command is the purpose
        sys.executable, [sys.executable, "-m", "services.gateway.keys", *arguments], {**os.environ, **urls}
    )
