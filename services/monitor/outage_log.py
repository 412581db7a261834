"""Says once that something is away, and once that it is back: what is asked every few seconds would fill the log."""

import structlog

_log = structlog.get_logger(__name__)


class Outage:
    """The state of one dependency as the log knows it."""

    def __init__(self, **context: str) -> None:
        """`context` goes into each line."""
        self._context = context
        self._lasts = False

    def begins(self, sentence: str) -> None:
        """`sentence` says what is away and what that means. Silent while the outage lasts."""
        if not self._lasts:
            _log.warning(sentence, action="outage-begins", **self._context)
        self._lasts = True

    def ends(self, sentence: str) -> None:
        """Silent if there was no outage."""
        if self._lasts:
            _log.info(sentence, action="outage-ends", **self._context)
        self._lasts = False
