"""What the servers of the stack count: events and bytes of NATS, rows and bytes of the demo mode's PostgreSQL."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import asyncpg

from shared.sla import slice_start
from tests.support.http_client import local_client


@dataclass(frozen=True)
class Counted:
    """Counters since the start of the servers, or their difference between two moments."""

    events: float
    """Messages stored in the streams of both modes."""
    nats_bytes: float
    """Received by NATS from its clients."""
    wal_bytes: float
    """Written by PostgreSQL to its log of the demo mode."""

    def __sub__(self, before: "Counted") -> "Counted":
        return Counted(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


class Servers:
    """The NATS server and the demo mode's database of one stack."""

    def __init__(self, nats_monitor_url: str, database: asyncpg.Connection) -> None:
        self._nats = nats_monitor_url
        self._database = database

    async def counted(self) -> Counted:
        """The counters now."""
        streams, of_server = await self._get("/jsz?streams=1"), await self._get("/varz")
        accounts = streams.get("account_details") or ()
        events = sum(each["state"]["last_seq"] for account in accounts for each in account.get("stream_detail") or ())
        wal = await self._database.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        return Counted(events, of_server["in_bytes"], float(wal))

    async def stored_megabytes(self) -> tuple[float, float]:
        """What NATS and the demo mode's database keep, in MB."""
        streams = await self._get("/jsz")
        size = await self._database.fetchval("SELECT pg_database_size(current_database())")
        return streams["storage"] / 1e6, size / 1e6

    async def running(self) -> int:
        """Tenants that run."""
        return int(await self._database.fetchval("SELECT count(*) FROM tenants WHERE status = 'running'"))

    async def seconds_to_running(self, since: datetime) -> list[float]:
        """From the request to the end of each deployment that was requested since then."""
        statement = (
            "SELECT extract(epoch FROM finished_at - created_at)::float8 AS seconds FROM deployments"
            " WHERE created_at >= $1 AND status = 'completed'"
        )
        return [row["seconds"] for row in await self._database.fetch(statement, since)]

    async def now(self) -> datetime:
        """The time of the database."""
        moment: datetime = await self._database.fetchval("SELECT clock_timestamp()")
        return moment

    async def tenants_by_slice(self, first: int, after: int) -> dict[int, int]:
        """How many tenants have a sample of each slice from `first` on and before `after`."""
        statement = (
            "SELECT timestamp, count(DISTINCT tenant_id) AS tenants FROM monitoring_data"
            " WHERE metric_name = 'available' AND timestamp >= $1 AND timestamp < $2 GROUP BY timestamp"
        )
        rows = await self._database.fetch(statement, slice_start(first), slice_start(after))
        return {round(row["timestamp"].timestamp()) // 5: row["tenants"] for row in rows}

    async def pods(self, since: int) -> int:
        """Pods that the tenants should have, by the latest sample of each since the slice `since`."""
        statement = (
            "SELECT coalesce(sum(wanted), 0) FROM (SELECT DISTINCT ON (tenant_id) metric_value AS wanted"
            " FROM monitoring_data WHERE metric_name = 'pods_wanted' AND timestamp >= $1"
            " ORDER BY tenant_id, timestamp DESC) AS latest"
        )
        return int(await self._database.fetchval(statement, slice_start(since)))

    async def _get(self, path: str) -> dict[str, Any]:
        async with local_client(base_url=self._nats, timeout=30) as client:
            answer: dict[str, Any] = (await client.get(path)).json()
            return answer
