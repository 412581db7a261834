"""One sizing with all alternatives, compared with its limits, and a sizing for a million sessions.

    python tests/benchmarks/bench_sizing.py

Each is measured with empty caches of the formulas, and with filled ones, as in a worker that has
run for a while. The peer is the predecessor's rule, which is one division per service without alternatives.
"""

import statistics
import time
from collections.abc import Callable
from math import ceil

from rich.console import Console
from rich.table import Table

from services.calculator.sizing import availability, erlang
from services.calculator.sizing.load import fan_out
from services.calculator.sizing.planning import SizingOptions
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import load_catalog
from shared.tenants import SlaTarget

CATALOG = load_catalog()
SLA = SlaTarget(availability="99.5%", response_time="150ms", concurrent_users=500)
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
MILLION = {"callbot": 400_000, "chatbot": 500_000, "advisor": 100_000}
ROUNDS = 60


def forget() -> None:
    for each in (erlang.slots_for_blocking, erlang.servers_for_waiting, erlang.servers_for_response):
        each.cache_clear()
    availability.replicas_for.cache_clear()


def measured(work: Callable[[], object], before: Callable[[], None]) -> tuple[float, float, float]:
    """Milliseconds: median and 95th percentile of the wall time, and the median CPU time, which has the limit."""
    wall, cpu = [], []
    for _ in range(ROUNDS):
        before()
        begun, begun_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - begun_cpu) * 1000)
    return statistics.median(wall), statistics.quantiles(wall, n=20)[-1], statistics.median(cpu)


def predecessor() -> int:
    """Sessions divided by the capacity of a replica."""
    total = 0
    for name, load in fan_out(CALL_CENTRE, CATALOG).items():
        carried = CATALOG.services[name].carries("t4")
        total += ceil(load.amount / carried) if carried else 0
    return total


def main() -> None:
    shared = SizingOptions(gpu_sharing="time-slicing")
    cases: list[tuple[str, Callable[[], object], Callable[[], None], float | None]] = [
        ("the documented call centre", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG), forget, 15),
        ("the same, in a worker that runs", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG), lambda: None, 15),
        ("1,000,000 sessions", lambda: size(MILLION, SlaTarget(), None, None, CATALOG), forget, 100),
        ("with shared GPUs (milp)", lambda: size(CALL_CENTRE, SLA, None, None, CATALOG, options=shared), forget, None),
        ("peer: the predecessor's rule", predecessor, lambda: None, None),
    ]
    table = Table(title=f"Sizing with alternatives, {ROUNDS} rounds, milliseconds")
    for column in ("case", "median", "p95", "CPU median", "limit", ""):
        table.add_column(column, justify="left" if column == "case" else "right")
    for name, work, before, limit in cases:
        work()
        median, p95, cpu = measured(work, before)
        verdict = "" if limit is None else "below" if cpu < limit else "ABOVE"
        table.add_row(name, f"{median:.2f}", f"{p95:.2f}", f"{cpu:.2f}", f"{limit or ''}", verdict)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
