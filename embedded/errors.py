"""What stops a start.

EmbeddedError          something has to be changed first; the message is for the person at the terminal
├── AlreadyRunning     another run holds the data directory
└── SupervisorSilent   supervisord doesn't answer, or refuses
"""

from collections.abc import Mapping
from typing import Any


class EmbeddedError(Exception):
    """A start that can't go on; the message has the reason and, if known, the remedy."""


class AlreadyRunning(EmbeddedError):
    """Another run uses the data directory. `about` describes it: pid, gateway, stopping."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.about = about
        where = about.get("gateway", "an address that is not known yet")
        super().__init__(f"It runs already: {where} (process {about.get('pid', 'unknown')}). Stop that one first.")

    @property
    def stopping(self) -> bool:
        return bool(self.about.get("stopping"))


class SupervisorSilent(EmbeddedError):
    """supervisord doesn't answer a call, or refuses it."""
