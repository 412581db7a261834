"""Whether PostgreSQL accepts writes, for `/ready`: with a full disk it still answers reads.

A recently failed write of the gateway is enough evidence. Otherwise a row is inserted and rolled back; after a failure
as many rows as need new pages, so that free space inside a page isn't mistaken for free space on the disk.
"""

import time

from sqlalchemy import text

from shared.database import Database

_FAILED_FOR = 10.0
_PROBE_EVERY = 5.0
_ROWS_AFTER_FAILURE = 64
_PROBE = text(
    "INSERT INTO idempotency_keys (scope, key, fingerprint, answer)"
    " SELECT 'write check', gen_random_uuid(), '', to_jsonb(repeat(md5(number::text), 32))"
    " FROM generate_series(1, :rows) AS number"
)
"""Rows of 1 KB each."""


class WriteCheck:
    """A readiness check. Raises DependencyUnavailable while writes fail; asks PostgreSQL at most every 5 s."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._succeeded_at = -_PROBE_EVERY

    async def __call__(self) -> None:
        failed = self._database.unwritable
        if failed is not None and time.monotonic() - failed[0] < _FAILED_FOR:
            raise failed[1]
        if time.monotonic() - self._succeeded_at < _PROBE_EVERY:
            return
        async with self._database.begin() as connection:
            await connection.execute(_PROBE, {"rows": 1 if failed is None else _ROWS_AFTER_FAILURE})
            await connection.rollback()
        self._database.unwritable = None
        self._succeeded_at = time.monotonic()
