"""The whole stack with 10, 100, 500 and 1,000 idle tenants: what each costs, and where the next wall is.

    make bench ARGS=ladder
    RUNGS="10 100" KINDS="ten-pods" MINUTES=5 make bench ARGS=ladder

Each size of tenants has a stack of its own, as `make run` starts it (the simulator as cluster, demo mode, everything on
this machine), and climbs from rung to rung. A rung is idle while it is observed, for six slices of 5 s. The time is
bounded: what isn't reached in `MINUTES` is left out, and a rung that fails, or is reached in part, is shown with what
could be measured. CPU time is compared, not time: other load on the machine makes the climb slower and misses slices,
but doesn't change what a tenant costs.
"""

import asyncio
import traceback
from collections.abc import Sequence

from tests.benchmarks.ladder import tables
from tests.benchmarks.ladder.climb import climb
from tests.benchmarks.ladder.rung import OBSERVING_SECONDS, Rung, observe
from tests.benchmarks.ladder.stack import RunningStack, add_nodes, running_stack
from tests.support.bench_report import note, show
from tests.support.ladder_options import Budget, Options

PODS = {"small": (3, 0), "ten-pods": (12, 0), "call-centre": (50, 15)}
"""An upper bound of a tenant's pods without and with GPUs, for the nodes."""
_FIRST_KIND = 0.7
"""The share of the time for the first size, if there are two."""


async def main() -> None:
    options = Options.read()
    budget = Budget(options.minutes * 60)
    rungs: list[Rung] = []
    for number, kind in enumerate(options.kinds, start=1):
        is_last = number == len(options.kinds)
        try:
            await ladder(kind, options.rungs, budget if is_last else budget.part(_FIRST_KIND), rungs)
        except Exception:
            note(f"The ladder of {kind} ended early:\n{traceback.format_exc()}")
    if not rungs:
        raise SystemExit("No rung was reached.")
    for table in (tables.of_rungs(rungs), tables.by_program(rungs), tables.of_fit(rungs)):
        show(table)


async def ladder(kind: str, sizes: Sequence[int], budget: Budget, rungs: list[Rung]) -> None:
    """Climb from rung to rung on one stack; adds each to `rungs`."""
    async with running_stack() as stack:
        before, (pods, gpu_pods) = 0, PODS[kind]
        for size in sizes:
            if budget.left < OBSERVING_SECONDS:
                note(f"{size:,} {kind}: no time left; MINUTES=<more> for it")
                return
            await add_nodes(stack.simulator, pods * (size - before), gpu_pods=gpu_pods * (size - before))
            before = size
            rung = await reach(stack, kind, size, budget)
            rungs.append(rung)
            note(_line(rung))
            if rung.tenants < size:
                return


async def reach(stack: RunningStack, kind: str, size: int, budget: Budget) -> Rung:
    """Bring the stack to `size` tenants, or as far as the time allows, and observe it."""
    since, before = await stack.servers.now(), await stack.servers.running()
    climbing = Budget(budget.left - OBSERVING_SECONDS)
    reached = await climb(stack, kind, range(before, size), climbing)
    return await observe(stack, kind, reached, await stack.servers.seconds_to_running(since))


def _line(rung: Rung) -> str:
    cells = f"{rung.cores:.2f} cores, {rung.total_memory:,.0f} MB, {rung.samples:.1%} of the samples"
    return f"{rung.tenants:,} {rung.kind}: {cells} {'; '.join(rung.problems)}"


if __name__ == "__main__":
    asyncio.run(main())
