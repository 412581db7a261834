"""The dependencies of a process: the start waits for them, with a log line for each, and `/ready` checks them."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shared.errors import PermanentError
from shared.process.backoff import Backoff

_log = structlog.get_logger(__name__)
_CHECK_TIMEOUT = 2.0
_REMIND_EVERY = 10.0

DependencyCheck = Callable[[], Awaitable[None]]


class Dependencies:
    """Named checks. A check returns while its dependency is available, and raises while it isn't.

    A check that raises PermanentError ends the start: waiting would not help.
    """

    def __init__(self) -> None:
        self._checks: dict[str, DependencyCheck] = {}
        self._later: dict[str, DependencyCheck] = {}

    def add(self, name: str, check: DependencyCheck, *, at_start: bool = True) -> None:
        """Add a check. The start doesn't wait for it if `at_start` is false, as for space on a disk."""
        (self._checks if at_start else self._later)[name] = check

    @property
    def names(self) -> list[str]:
        """The names of all checks."""
        return [*self._checks, *self._later]

    async def missing(self) -> dict[str, str]:
        """The unavailable dependencies, each with the reason."""
        return _reasons(await _failures(self._checks | self._later))

    async def wait(self) -> None:
        """Return when all are available. Logs what is missing at once, when it changes, and every 10 s.

        Raises the PermanentError of a check.
        """
        loop = asyncio.get_running_loop()
        logged: dict[str, str] = {}
        remind_at = 0.0
        backoff = Backoff(0.05, 1.0, factor=1.5)
        while failures := await _failures(self._checks):
            for failure in failures.values():
                if isinstance(failure, PermanentError):
                    raise failure
            missing = _reasons(failures)
            if missing.keys() != logged.keys() or loop.time() >= remind_at:
                logged, remind_at = missing, loop.time() + _REMIND_EVERY
                for name, reason in missing.items():
                    _log.info(f"Waiting for {name}: {reason}", action="wait-for-dependency", dependency=name)
            await backoff.sleep()


async def _failures(checks: dict[str, DependencyCheck]) -> dict[str, Exception]:
    answers = await asyncio.gather(*(_failure(check) for check in checks.values()))
    return {name: answer for name, answer in zip(checks, answers, strict=True) if answer is not None}


async def _failure(check: DependencyCheck) -> Exception | None:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            await check()
    except TimeoutError:
        return TimeoutError(f"no answer within {_CHECK_TIMEOUT:g} s")
    except Exception as error:
        return error
    return None


def _reasons(failures: dict[str, Exception]) -> dict[str, str]:
    return {name: str(error) or type(error).__name__ for name, error in failures.items()}
