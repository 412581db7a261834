"""What the services import before they work, and the memory of the whole stack with one tenant.

    make bench ARGS=start

A service in a container imports its modules by itself. In `make run` supervisord imports the modules of all six once,
and starts each as a fork (`embedded/forking.py`): the limit is half of what six processes take for it in the same run.
The memory is that of all programs, as the kernel divides shared pages among them (PSS).
"""

import asyncio
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from tests.benchmarks.bench_ladder import PODS
from tests.benchmarks.ladder.climb import climb
from tests.benchmarks.ladder.processes import megabytes
from tests.benchmarks.ladder.stack import add_nodes, running_stack
from tests.support.bench_report import note, show
from tests.support.ladder_options import Budget

SERVICES = ("calculator", "deployer", "gateway", "manifest", "monitor", "simulator")
ROUNDS = 3
LIMIT = 0.5
KIND, MEGABYTES = "ten-pods", 450
PACKAGES = 12
_IDLE_SECONDS, _CLIMB_SECONDS = 15.0, 300.0
# As `python -m services.<name>` has it: see services/__init__.py.
_IMPORT = 'import sys; sys.argv[0] = "-m"'


async def main() -> None:
    show(imports())
    show(packages())
    show(await memory())


def imports() -> Table:
    """CPU seconds of the imports, the least of some rounds, because a busy machine makes them slower."""
    alone = dict.fromkeys(SERVICES, float("inf"))
    together = float("inf")
    for _ in range(ROUNDS):
        for name in SERVICES:
            alone[name] = min(alone[name], _seconds([name]))
        together = min(together, _seconds(SERVICES))
    each = sum(alone.values())
    table = Table("", "CPU", "relative", title=f"Imports of the services, limit {LIMIT}")
    for name, seconds in alone.items():
        table.add_row(name, f"{seconds:.2f} s", f"{seconds / each:.2f}")
    table.add_row("six processes", f"{each:.2f} s", "1.00")
    table.add_row("all in one process", f"{together:.2f} s", f"{together / each:.2f}{_verdict(together, LIMIT * each)}")
    return table


def _seconds(services: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(_command(services), check=True, env=_environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _command(services: Sequence[str], *options: str) -> list[str]:
    return [
        sys.executable,
        *options,
        "-c",
        "; ".join([_IMPORT, *(f"import services.{each}.__main__" for each in services)]),
    ]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def packages() -> Table:
    """Which packages the time of all imports goes to; each module's own time, without what it imports."""
    done = subprocess.run(
        _command(SERVICES, "-X", "importtime"), check=True, env=_environment(), capture_output=True, text=True
    )
    spent, modules = Counter[str](), Counter[str]()
    for own, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", done.stderr):
        package = name.split(".")[0]
        spent[package] += int(own)
        modules[package] += 1
    table = Table("package", "modules", "share", title="What all of them import, in one process")
    for package, microseconds in spent.most_common(PACKAGES):
        table.add_row(package, str(modules[package]), f"{microseconds / spent.total():.1%}")
    table.add_row("all", str(modules.total()), "100.0%")
    return table


async def memory() -> Table:
    """PSS of each program without a tenant and with one that is idle, in MB."""
    async with running_stack() as stack:
        before = megabytes(stack.directory)
        await add_nodes(stack.simulator, PODS[KIND][0])
        if problems := (await climb(stack, KIND, range(1), Budget(_CLIMB_SECONDS))).problems:
            note("; ".join(problems))
        await asyncio.sleep(_IDLE_SECONDS)
        after = megabytes(stack.directory)
    table = Table("", "no tenant", f"one of {KIND}", title=f"Memory of the stack, limit {MEGABYTES} MB")
    for name in sorted(after):
        table.add_row(name, f"{before.get(name, 0.0):.0f} MB", f"{after[name]:.0f} MB")
    whole = sum(after.values())
    table.add_row("all", f"{sum(before.values()):.0f} MB", f"{whole:.0f} MB{_verdict(whole, MEGABYTES)}")
    return table


def _verdict(figure: float, limit: float) -> str:
    return "" if figure <= limit else " (above)"


if __name__ == "__main__":
    asyncio.run(main())
