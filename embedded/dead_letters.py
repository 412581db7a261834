"""`make dlq`: the command `ecp dlq` on the running stack, with the operator's account of its data directory."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from embedded import accounts
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings
from shared.access import OPERATOR


def dead_letters(settings: EmbeddedSettings, arguments: Sequence[str]) -> NoReturn:
    """Become `ecp dlq` with `arguments`. Raises EmbeddedError where no stack has ever run."""
    file = DataDirectory(settings.data_dir).bus_passwords
    if not file.exists():
        raise EmbeddedError(f"Nothing has run in {settings.data_dir} yet; start it with `make run`.")
    url = settings.nats_url(OPERATOR, accounts.passwords(file)[OPERATOR])
    os.execve(  # noqa: S606 - to become the command is the purpose
        sys.executable,
        [sys.executable, "-m", "cli", "dlq", *arguments],
        {**os.environ, "OPERATOR_NATS_URL": url},
    )
