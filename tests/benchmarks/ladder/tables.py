"""What the ladder prints: a row for each rung, CPU and memory by program, and what follows from them."""

import math
import os
import statistics
from collections.abc import Callable, Sequence

from rich.table import Table

from tests.benchmarks.ladder.rung import SLICES, Rung
from tests.support.ladder_fit import GROWS, Line, line

_LONGEST_PROBLEM = 60
"""Characters in the table; what is printed when the rung ends has all of it."""


def of_rungs(rungs: Sequence[Rung]) -> Table:
    """All rungs."""
    table = Table(title="Rungs: idle tenants on the whole stack")
    for column in ("tenants", "pods", "cores", "of it monitor", "memory", "events/s", "NATS", "WAL", "kept NATS, PG"):
        table.add_column(column, justify="right")
    for column in ("whole slices", "list of 100", "POST", "to running p50, p95", "created/s", "what went wrong"):
        table.add_column(column, justify="right")
    for rung in rungs:
        table.add_row(*_cells(rung))
    return table


def _cells(rung: Rung) -> list[str]:
    counted, (nats, postgres) = rung.counted, rung.stored
    return [
        f"{rung.tenants:,} {rung.kind}",
        f"{rung.pods:,}",
        f"{rung.cores:.2f}",
        f"{rung.cpu.get('monitor', 0.0):.2f}",
        f"{rung.total_memory:,.0f} MB",
        f"{counted.events:.1f}",
        f"{counted.nats_bytes / 1000:,.0f} kB/s",
        f"{counted.wal_bytes / 1000:,.0f} kB/s",
        f"{nats:.0f}, {postgres:.0f} MB",
        f"{rung.whole_slices} of {SLICES} ({rung.samples:.1%})",
        f"{rung.list_seconds * 1000:.0f} ms",
        f"{rung.post_seconds * 1000:.0f} ms",
        _times(rung.seconds_to_running),
        f"{rung.climb.tenants / rung.climb.seconds:.1f}" if rung.climb.seconds else "",
        "; ".join(rung.problems)[:_LONGEST_PROBLEM],
    ]


def _times(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return ""
    return f"{statistics.median(seconds):.1f}, {statistics.quantiles(seconds, n=20)[-1]:.1f} s"


def by_program(rungs: Sequence[Rung]) -> Table:
    """Milli-cores and MB of each program at each rung."""
    table = Table(title="By program: thousandths of a core, MB")
    table.add_column("")
    for rung in rungs:
        table.add_column(f"{rung.tenants:,} {rung.kind}", justify="right")
    for name in sorted({name for rung in rungs for name in rung.memory}):
        figures = [(1000 * rung.cpu.get(name, 0.0), rung.memory.get(name, 0.0)) for rung in rungs]
        table.add_row(name, *(f"{cores:.0f}, {memory:.0f}" for cores, memory in figures))
    return table


def of_fit(rungs: Sequence[Rung]) -> Table:
    """What a tenant of each size costs, and how many may be before a limit, by rungs that were reached as a whole."""
    cores = os.cpu_count() or 1
    table = Table(title="A tenant costs, and the walls that follow")
    for column in ("", "without tenants", "each tenant", "last against first", "wall"):
        table.add_column(column, justify="left" if not column else "right")
    for kind in dict.fromkeys(rung.kind for rung in rungs):
        own = [rung for rung in rungs if rung.kind == kind and rung.is_whole]
        walls: list[tuple[str, str, Callable[[Rung], float], float, float, str]] = [
            ("all programs", "one core", lambda rung: rung.cores, 1.0, 1000, "mcores"),
            ("all programs", f"{cores} cores", lambda rung: rung.cores, float(cores), 1000, "mcores"),
            ("monitor", "one core", lambda rung: rung.cpu.get("monitor", 0.0), 1.0, 1000, "mcores"),
            ("simulator", "one core", lambda rung: rung.cpu.get("simulator", 0.0), 1.0, 1000, "mcores"),
            ("memory", "16 GB", lambda rung: rung.total_memory, 16_000.0, 1, "MB"),
            ("events/s", "", lambda rung: rung.counted.events, math.inf, 1, ""),
        ]
        for name, limit, cost, most, factor, unit in walls:
            fitted = line([rung.tenants for rung in own], [cost(rung) for rung in own])
            if fitted is not None:
                table.add_row(f"{kind}: {name}", *_fit_cells(fitted, limit, most, factor, unit))
    return table


def _fit_cells(fitted: Line, limit: str, most: float, factor: float, unit: str) -> list[str]:
    bend = "" if fitted.bend is None else f"{fitted.bend:.2f}" + (" GROWS" if fitted.bend > GROWS else "")
    wall = fitted.wall(most)
    shown = f"{limit} at {max(0, wall):,.0f}" if math.isfinite(wall) else ""
    return [f"{fitted.base * factor:.1f} {unit}", f"{fitted.each * factor:.3f} {unit}", bend, shown]
