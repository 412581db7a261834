"""The tenants' availability in PostgreSQL: a queue of samples, and the runs of equal slices made from them.

Samples are removed from the queue in the transaction that writes the runs, so that each counts exactly once, however
late it arrives and whichever process crashes. Reports read runs: their number grows with state changes instead of time,
and another replica that takes over has nothing to rebuild.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database
from shared.sla import SLICE_SECONDS, AvailabilityHistory, Run, Span, slice_of, slice_start
from shared.tenants import SlaTarget

WHOLE = ""
"""The service name of the runs of a tenant as a whole."""

_LOCK = 0x6563_7003
_LARGEST_BATCH = 200_000
_SLICE = f"floor(date_part('epoch', time) / {SLICE_SECONDS})::bigint"

# Gaps and islands: consecutive slices of one state have the same difference to their rank. Of two samples in one
# slice the first one counts.
_DEQUEUE = text(f"""
    WITH taken AS (
        DELETE FROM availability_samples
        WHERE id < (SELECT min(id) FROM availability_samples) + {_LARGEST_BATCH}
        RETURNING id, tenant_id, service, {_SLICE} AS number, up
    ), firsts AS (
        SELECT DISTINCT ON (tenant_id, service, number) tenant_id, service, number, up
        FROM taken ORDER BY tenant_id, service, number, id
    ), numbered AS (
        SELECT *, number - row_number() OVER (PARTITION BY tenant_id, service, up ORDER BY number) AS island
        FROM firsts
    )
    SELECT tenant_id, service, min(number) AS first, max(number) + 1 AS after, up
    FROM numbered GROUP BY tenant_id, service, up, island ORDER BY tenant_id, service, first
""")  # noqa: S608 - constants of ours
_KEEP_TENANTS = text("SELECT id FROM tenants WHERE id = ANY(:ids) ORDER BY id FOR KEY SHARE")
_TOUCHED = text("""
    SELECT runs.tenant_id, runs.service, runs.began, runs.ended, runs.up
    FROM unnest(
        CAST(:ids AS integer[]), CAST(:services AS text[]),
        CAST(:firsts AS timestamptz[]), CAST(:afters AS timestamptz[])
    ) AS new (tenant_id, service, first, after)
    JOIN availability_runs AS runs ON runs.tenant_id = new.tenant_id AND runs.service = new.service
        AND runs.began <= new.after AND runs.ended >= new.first
    ORDER BY runs.tenant_id, runs.service, runs.began
""")
_FORGET = text("DELETE FROM availability_runs WHERE tenant_id = :tenant AND service = :service AND began = :began")
_WRITE = text("""
    INSERT INTO availability_runs (tenant_id, service, began, ended, up)
    VALUES (:tenant, :service, :began, :ended, :up)
    ON CONFLICT (tenant_id, service, began) DO UPDATE SET ended = excluded.ended, up = excluded.up
""")
_TENANTS = text("SELECT id, tenant_id, name, sla_target FROM tenants ORDER BY id")
_TENANT = text("SELECT id, tenant_id, name, sla_target FROM tenants WHERE tenant_id = :tenant_id")
_WHOLE_RUNS = text(f"""
    SELECT tenant_id, service, began, ended, up FROM availability_runs
    WHERE service = '{WHOLE}' ORDER BY tenant_id, began
""")  # noqa: S608 - a constant of ours
_RUNS_OF = text("""
    SELECT tenant_id, service, began, ended, up FROM availability_runs WHERE tenant_id = :row_id ORDER BY service, began
""")
_EXPECTED = text("""
    SELECT tenant_id FROM tenants
    WHERE status = 'running' AND generation > 0 AND (target IS NULL OR target = ANY(:targets))
""")
# A history begins with the first run that is up, so the latest such run stays, however old.
_FORGET_OLD = text("""
    DELETE FROM availability_runs AS old
    WHERE ended < :before AND (NOT up OR EXISTS (
        SELECT 1 FROM availability_runs AS later
        WHERE later.tenant_id = old.tenant_id AND later.service = old.service
            AND later.began > old.began AND later.up
    ))
""")

_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class TenantObjective:
    """A tenant and its availability objective (SLO). `target` is between 0 and 1."""

    row_id: int
    tenant_id: str
    name: str | None
    target: Fraction
    time_zone: str = "UTC"

    @property
    def percent(self) -> float:
        """The target in percent."""
        return float(self.target * 100)


class _NewRuns(NamedTuple):
    key: _Key
    runs: list[Run]

    @property
    def span(self) -> Span:
        return Span(self.runs[0].start, max(run.end for run in self.runs))


class AvailabilityStore:
    """The availability in one mode's database. Every method raises DependencyUnavailable, or TemporaryError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fold(self) -> int:
        """Add the queued samples to the runs. Returns the number of runs that changed."""
        changed = 0
        while True:
            async with self._database.begin() as connection:
                # Two concurrent calls would each write runs that lack the other's samples.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                new = await _dequeue(connection)
                changed += await _merge(connection, new)
            if not new:
                return changed

    async def objectives(self) -> Sequence[TenantObjective]:
        """The objectives of all tenants."""
        async with self._database.begin() as connection:
            return [_objective(row) for row in await connection.execute(_TENANTS)]

    async def objective(self, tenant_id: str) -> TenantObjective | None:
        """The objective of one tenant; None if the tenant doesn't exist."""
        async with self._database.begin() as connection:
            row = (await connection.execute(_TENANT, {"tenant_id": tenant_id})).one_or_none()
        return None if row is None else _objective(row)

    async def histories(self) -> Mapping[int, Sequence[Run]]:
        """The runs of each tenant as a whole, by the tenant's row id."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(_WHOLE_RUNS)).all()
        return {row_id: runs for (row_id, _), runs in _by_key(rows).items()}

    async def services(self, row_id: int) -> Mapping[str, Sequence[Run]]:
        """A tenant's runs by service; the tenant as a whole is `WHOLE`."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(_RUNS_OF, {"row_id": row_id})).all()
        return {service: runs for (_, service), runs in _by_key(rows).items()}

    async def expected(self, targets: Sequence[str]) -> Sequence[str]:
        """The ids of the tenants that should be running on one of `targets`."""
        async with self._database.begin() as connection:
            return [row.tenant_id for row in await connection.execute(_EXPECTED, {"targets": list(targets)})]

    async def forget(self, before: datetime) -> int:
        """Remove the runs that ended before `before`. Returns their number."""
        async with self._database.begin() as connection:
            return (await connection.execute(_FORGET_OLD, {"before": before})).rowcount


async def _dequeue(connection: AsyncConnection) -> list[_NewRuns]:
    rows = (await connection.execute(_DEQUEUE)).all()
    found: dict[_Key, list[Run]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id, row.service].append(Run(row.first, row.after, row.up))
    return [_NewRuns(key, runs) for key, runs in found.items()]


async def _merge(connection: AsyncConnection, new: Sequence[_NewRuns]) -> int:
    ids = sorted({each.key[0] for each in new})
    kept = set((await connection.execute(_KEEP_TENANTS, {"ids": ids})).scalars()) if ids else set()
    new = [each for each in new if each.key[0] in kept]
    if not new:
        return 0
    known = await _touched(connection, new)
    forgotten: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for each in new:
        before = known.get(each.key, [])
        history = AvailabilityHistory(before)
        for run in each.runs:
            history.add(run)
        after = set(history.runs)
        named = {"tenant": each.key[0], "service": each.key[1]}
        starts = {run.start for run in after}
        forgotten += [named | {"began": slice_start(run.start)} for run in before if run.start not in starts]
        written += [
            named | {"began": slice_start(run.start), "ended": slice_start(run.end), "up": run.up}
            for run in sorted(after.difference(before))
        ]
    if forgotten:
        await connection.execute(_FORGET, forgotten)
    if written:
        await connection.execute(_WRITE, written)
    return len(written)


async def _touched(connection: AsyncConnection, new: Sequence[_NewRuns]) -> dict[_Key, list[Run]]:
    """The stored runs that overlap or touch the new ones."""
    parameters = {
        "ids": [each.key[0] for each in new],
        "services": [each.key[1] for each in new],
        "firsts": [slice_start(each.span.start) for each in new],
        "afters": [slice_start(each.span.end) for each in new],
    }
    return _by_key((await connection.execute(_TOUCHED, parameters)).all())


def _by_key(rows: Sequence[Any]) -> dict[_Key, list[Run]]:
    found: dict[_Key, list[Run]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id, row.service].append(Run(slice_of(row.began), slice_of(row.ended), row.up))
    return found


def _objective(row: Any) -> TenantObjective:
    """The default target replaces values that can't be parsed, such as ones edited by hand."""
    stored = row.sla_target if isinstance(row.sla_target, dict) else {}
    target = SlaTarget()
    for name in ("availability", "time_zone"):
        try:
            read = SlaTarget.model_validate({name: stored[name]})
        except (KeyError, ValidationError):
            continue
        target = target.model_copy(update={name: getattr(read, name)})
    ratio = Fraction(target.availability.rstrip("%")) / 100
    return TenantObjective(row.id, row.tenant_id, row.name, ratio, target.time_zone or "UTC")
