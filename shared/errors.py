"""Errors that cross a boundary: one tree, each with a stable code.

    EcpError                      has code, message, details; the base of all
    ├── TemporaryError            worth a retry after `delay` seconds
    │   └── DependencyUnavailable a dependency is unavailable; waiting for it doesn't count as an attempt
    │       └── Overloaded        it works, but has no capacity now
    └── PermanentError            the same input will fail again: dead letter, failure event
        ├── InvalidEvent          a message that its model refuses
        └── Refused               a request that breaks a rule; the code names the rule

Adapters translate a library's exceptions into these, with the cause chained. They become HTTP responses, negative
acknowledgements or dead letters in one place each: the gateway's
error table and the bus's `FailurePolicy` middleware.
"""

from collections.abc import Mapping
from typing import Any


class EcpError(Exception):
    """Base of all errors of ours. `code` is stable and upper case; `details` is JSON-serialisable.

    The gateway translates the message by its id, which is the code unless a code has several messages; the details are
    its parameters.
    """

    code = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details: dict[str, Any] = dict(details or {})
        self.message_id = message_id or self.code


class TemporaryError(EcpError):
    """Worth a retry. `delay` is the time to wait before it in seconds; None leaves it to the back-off."""

    def __init__(
        self,
        message: str,
        *,
        delay: float | None = None,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details)
        self.delay = delay


class DependencyUnavailable(TemporaryError):
    """A dependency (NATS, PostgreSQL, a cluster, another worker) is unavailable. `name` is its name."""

    code = "DEPENDENCY_UNAVAILABLE"

    def __init__(self, name: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"{name} is not available: {message}", code=code, details={"dependency": name})
        self.name = name


class Overloaded(DependencyUnavailable):
    """`name` works, but has no capacity now. Handlers wait as in an outage: retries would only add load."""

    def __init__(self, name: str, message: str) -> None:
        TemporaryError.__init__(self, f"{name}: {message}", code="OVERLOADED", details={"dependency": name})
        self.name = name


class PermanentError(EcpError):
    """A retry would fail in the same way."""


class InvalidEvent(PermanentError):
    """A message that its model refuses; `details["errors"]` lists where and why."""

    code = "VALIDATION_ERROR"


class Refused(PermanentError):
    """A request that breaks a rule; the code names the rule, the message tells what to change."""

    code = "VALIDATION_ERROR"
