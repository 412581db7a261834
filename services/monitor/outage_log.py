"""Logs the begin and the end of an outage once each, although the dependency is polled every few seconds."""

import structlog

_log = structlog.get_logger(__name__)


class OutageLog:
    """Whether one dependency was last logged as unavailable."""

    def __init__(self) -> None:
        self._lasts = False

    def begins(self, sentence: str) -> None:
        """Log that a dependency is unavailable, and the consequence. Does nothing during an outage."""
        if not self._lasts:
            _log.warning(sentence, action="outage-begins")
        self._lasts = True

    def ends(self, sentence: str) -> None:
        """Log that the dependency is available again. Does nothing if there was no outage."""
        if self._lasts:
            _log.info(sentence, action="outage-ends")
        self._lasts = False
