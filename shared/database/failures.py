"""Which of the drivers' exceptions mean that PostgreSQL is away, that it is busy, and that a second try would do.

Everything else is a bug of ours and stays what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import sqlalchemy.exc

from shared.errors import DependencyUnavailable, Overloaded, TemporaryError

CODE = "DATABASE_ERROR"

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A session that the server has terminated and not yet closed: "another operation is in progress".
    asyncpg.InternalClientError,
)
_AWAY_CLASSES = ("08", "28", "3D", "53", "57", "58")
"""SQLSTATE classes: connection, authorization, no such database, resources, operator intervention, system error."""
_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""
_UNDEFINED_TABLE = "42P01"
_TOO_MANY = "53300"
_UNWRITABLE = frozenset({"25006", "53100", "58030"})
"""Read-only transaction (a standby), disk full, input/output error: reads go on."""


class Unwritable(DependencyUnavailable):
    """PostgreSQL is there and can't write."""


@contextmanager
def translating(name: str) -> Iterator[None]:
    """Raise DependencyUnavailable, or TemporaryError, for the drivers' exceptions. `name` is the database's."""
    try:
        yield
    except sqlalchemy.exc.TimeoutError as error:
        raise Overloaded(name, "all connections are in use") from error
    except _AWAY as error:
        raise DependencyUnavailable(name, _describe(error), code=CODE) from error
    except (asyncpg.PostgresError, sqlalchemy.exc.DBAPIError) as error:
        state = _sqlstate(error)
        if state == _UNDEFINED_TABLE:
            advice = "its tables are missing; run `python -m shared.database upgrade`"
            raise DependencyUnavailable(name, advice, code=CODE) from error
        if state == _TOO_MANY:
            raise Overloaded(name, _describe(error)) from error
        if state in _UNWRITABLE:
            raise Unwritable(name, _describe(error), code=CODE) from error
        if state in _AGAIN:
            raise TemporaryError(f"{name}: {_describe(error)}", code=CODE) from error
        if _is_away(error, state):
            raise DependencyUnavailable(name, _describe(error), code=CODE) from error
        raise


def _is_away(error: Exception, state: str) -> bool:
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
        return True
    cause = error.__cause__.__cause__ if error.__cause__ is not None else None
    return state.startswith(_AWAY_CLASSES) or isinstance(cause, asyncpg.InterfaceError)


def _sqlstate(error: Exception) -> str:
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    return getattr(original, "sqlstate", None) or ""


def _describe(error: BaseException) -> str:
    """One line, without the statement and its values, which SQLAlchemy appends."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    text = str(original) or type(original).__name__
    return text.splitlines()[0].rsplit("'>: ", 1)[-1]
