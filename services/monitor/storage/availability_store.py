"""The tenants' availability in PostgreSQL: a queue of samples, and the runs that they are folded into.

Samples are taken out of the queue in the transaction that writes the runs, so that each counts once, whenever it comes
and whoever dies in between. What a report reads are runs: they grow with what changed and not with time, and need no
rebuilding when another monitor takes over.
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
"""The service under which a tenant as a whole is kept."""

_LOCK = 0x6563_7003
_TAKEN_AT_ONCE = 200_000
_SLICE = f"floor(date_part('epoch', time) / {SLICE_SECONDS})::bigint"

# Neighbouring slices of one state have the same difference to their rank: an island. Of two samples in one slice the
# first one stands.
_TAKE = text(f"""
    WITH taken AS (
        DELETE FROM availability_samples
        WHERE id < (SELECT min(id) FROM availability_samples) + {_TAKEN_AT_ONCE}
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
# Since a history begins with the first time that something was up, the last such time stays, however old.
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
class Promise:
    """A tenant, and what it was promised. `target` is between 0 and 1."""

    row_id: int
    tenant_id: str
    name: str | None
    target: Fraction
    time_zone: str = "UTC"

    @property
    def percent(self) -> float:
        return float(self.target * 100)


class _New(NamedTuple):
    key: _Key
    runs: list[Run]

    @property
    def span(self) -> Span:
        return Span(self.runs[0].start, max(run.end for run in self.runs))


class Ledger:
    """The availability that is known in one mode. Every method raises DependencyUnavailable, or TemporaryError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fold(self) -> int:
        """Add all samples that wait to the runs. How many runs changed."""
        changed = 0
        while True:
            async with self._database.begin() as connection:
                # Two at once would each write runs without the other's samples.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                new = await _take(connection)
                changed += await _merge(connection, new)
            if not new:
                return changed

    async def promises(self) -> Sequence[Promise]:
        """All tenants."""
        async with self._database.begin() as connection:
            return [_promise(row) for row in await connection.execute(_TENANTS)]

    async def promise(self, tenant_id: str) -> Promise | None:
        """One tenant, or None."""
        async with self._database.begin() as connection:
            row = (await connection.execute(_TENANT, {"tenant_id": tenant_id})).one_or_none()
        return None if row is None else _promise(row)

    async def histories(self) -> Mapping[int, Sequence[Run]]:
        """The runs of each tenant as a whole, by row id."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(_WHOLE_RUNS)).all()
        return {row_id: runs for (row_id, _), runs in _by_key(rows).items()}

    async def services(self, row_id: int) -> Mapping[str, Sequence[Run]]:
        """A tenant's runs by service; the tenant as a whole is `WHOLE`."""
        async with self._database.begin() as connection:
            rows = (await connection.execute(_RUNS_OF, {"row_id": row_id})).all()
        return {service: runs for (_, service), runs in _by_key(rows).items()}

    async def expected(self, targets: Sequence[str]) -> Sequence[str]:
        """The tenants that should be found running on one of `targets`."""
        async with self._database.begin() as connection:
            return [row.tenant_id for row in await connection.execute(_EXPECTED, {"targets": list(targets)})]

    async def forget(self, before: datetime) -> int:
        """Drop the runs that ended before. How many."""
        async with self._database.begin() as connection:
            return (await connection.execute(_FORGET_OLD, {"before": before})).rowcount


async def _take(connection: AsyncConnection) -> list[_New]:
    rows = (await connection.execute(_TAKE)).all()
    found: dict[_Key, list[Run]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id, row.service].append(Run(row.first, row.after, row.up))
    return [_New(key, runs) for key, runs in found.items()]


async def _merge(connection: AsyncConnection, new: Sequence[_New]) -> int:
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


async def _touched(connection: AsyncConnection, new: Sequence[_New]) -> dict[_Key, list[Run]]:
    """The runs that are known where the new ones are, and right beside them."""
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


def _promise(row: Any) -> Promise:
    """The default's where somebody wrote by hand what can't be read."""
    stored = row.sla_target if isinstance(row.sla_target, dict) else {}
    target = SlaTarget()
    for name in ("availability", "time_zone"):
        try:
            read = SlaTarget.model_validate({name: stored[name]})
        except (KeyError, ValidationError):
            continue
        target = target.model_copy(update={name: getattr(read, name)})
    ratio = Fraction(target.availability.rstrip("%")) / 100
    return Promise(row.id, row.tenant_id, row.name, ratio, target.time_zone or "UTC")
