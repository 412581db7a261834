"""One sizing with all alternatives, compared with its limits, and a sizing for a million sessions.

    python tests/benchmarks/bench_sizing.py

Each is measured with empty caches of the formulas, and with filled ones, as in a worker that has
run for a while. The peer is the predecessor's rule, which is one division per service without alternatives. Limits are
multiples of its CPU time in the same run, because a slow or busy machine makes both slower.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from rich.table import Table

from services.calculator.sizing import availability, erlang
from services.calculator.sizing.load import fan_out
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import load_catalog
from shared.tenants import SlaTarget
from tests.support.bench_report import show

CATALOG = load_catalog()
SLA = SlaTarget(availability="99.5%", response_time="150ms", concurrent_users=500)
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
MILLION = {"callbot": 400_000, "chatbot": 500_000, "advisor": 100_000}
ROUNDS = 60


@dataclass(frozen=True)
class Case:
    name: str
    work: Callable[[], object]
    before: Callable[[], object] = lambda: None
    limit: int | None = None
    """Multiples of the peer's CPU time."""


def forget() -> None:
    for each in (erlang.slots_for_blocking, erlang.servers_for_waiting, erlang.servers_for_response):
        each.cache_clear()
    availability.replicas_for.cache_clear()


def predecessor() -> int:
    """Sessions divided by the capacity of a replica."""
    total = 0
    for name, load in fan_out(CALL_CENTRE, CATALOG).items():
        carried = CATALOG.services[name].carries("t4")
        total += ceil(load.amount / carried) if carried else 0
    return total


def measured(cases: list[Case]) -> list[tuple[list[float], list[float]]]:
    """Wall and CPU milliseconds of each case. Rounds alternate, so that all cases have the same conditions."""
    figures: list[tuple[list[float], list[float]]] = [([], []) for _ in cases]
    for _ in range(ROUNDS):
        for case, (wall, cpu) in zip(cases, figures, strict=True):
            case.before()
            begun, begun_cpu = time.perf_counter(), time.process_time()
            case.work()
            wall.append((time.perf_counter() - begun) * 1000)
            cpu.append((time.process_time() - begun_cpu) * 1000)
    return figures


def main() -> None:
    shared = SizingOptions(gpu_sharing="time-slicing")
    cases = [
        Case("the documented call centre", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG), forget, 50),
        Case("the same, in a worker that runs", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG), limit=50),
        Case("1,000,000 sessions", lambda: size(MILLION, SlaTarget(), None, None, CATALOG), forget, 200),
        Case("with shared GPUs (milp)", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG, options=shared), forget),
        Case("peer: the predecessor's rule", predecessor),
    ]
    table = Table(title=f"Sizing with alternatives, {ROUNDS} rounds, milliseconds")
    for column in ("case", "median", "p95", "CPU median", "times the peer", "limit", ""):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case in cases:
        case.before()
        case.work()
    figures = measured(cases)
    peer = statistics.median(figures[-1][1])
    for case, (wall, cpu) in zip(cases, figures, strict=True):
        median, p95, of_cpu = statistics.median(wall), statistics.quantiles(wall, n=20)[-1], statistics.median(cpu)
        verdict = "" if case.limit is None else "below" if of_cpu / peer < case.limit else "ABOVE"
        limit = f"{case.limit or ''}"
        table.add_row(case.name, f"{median:.2f}", f"{p95:.2f}", f"{of_cpu:.2f}", f"{of_cpu / peer:.0f}", limit, verdict)
    show(table)


if __name__ == "__main__":
    main()
