"""A nemesis injects faults while tenants are created, changed, stopped, started and deleted; the history is checked.

Each fault is a parameter: `make test-long ARGS="-k 'nemesis and partition' -s"`, with `FAULTS_SEED` for other moments
and `NEMESIS_TENANTS` for another number of tenants.
If the machine lacks a prerequisite of a fault (root, `ip`, a C compiler), its test is skipped with the reason.
"""

import os
import time
from pathlib import Path

import pytest

from embedded.directory import DataDirectory
from tests.e2e.conftest import stack
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import Fault, fill_disk, freeze, kill
from tests.e2e.nemesis import LEAST_FAULTS, play
from tests.e2e.nemesis_faults import (
    clock_jump,
    cut_short,
    damaged,
    failed_allocations,
    few_descriptors,
    full_databases,
    one_of,
    partition,
    rotted,
    too_little_memory,
)
from tests.e2e.network import own_network
from tests.e2e.test_faults import SEED, SERVICES
from tests.support.clocks import settable_clock
from tests.support.history import History, violations
from tests.support.small_disk import small_disk

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

TENANTS = int(os.environ.get("NEMESIS_TENANTS", "24"))
CHANGES = 4
HOUR = 3600
EVENTS = ("DEMO_ECP",)
BUCKETS = ("KV_demo_manifests", "KV_demo_desired", "KV_demo_applied")
SERVERS = ("NATS_PORT", "DEMO_DATABASE_PORT", "SIMULATOR_DATABASE_PORT", "SIMULATOR_PORT")

FAULTS: list[tuple[str, Fault, tuple[float, float]]] = [
    ("stopped", freeze(15.0, *SERVICES, "nats", "postgres-demo", "postgres-simulator"), (2.0, 6.0)),
    ("descriptors", few_descriptors(10.0, *SERVICES), (2.0, 6.0)),
    ("cut events", damaged(EVENTS, cut_short), (15.0, 25.0)),
    ("rotten events", damaged(EVENTS, rotted), (15.0, 25.0)),
    ("cut buckets", damaged(BUCKETS, cut_short), (15.0, 25.0)),
    ("rotten buckets", damaged(BUCKETS, rotted), (15.0, 25.0)),
]


async def check(run: EmbeddedRun, name: str, fault: Fault, every: tuple[float, float]) -> None:
    """Fails with the violations, and with all that is known of their tenants."""
    begun = time.monotonic()
    history, injected = await play(run, name, fault, tenants=TENANTS, changes=CHANGES, every=every, seed=SEED)
    found = violations(history)
    kinds = ("lost", "doubled", "pending", "backwards")
    counts = {kind: sum(each.kind == kind for each in found) for kind in kinds}
    took = f"{time.monotonic() - begun:.0f} s"
    affected = ", ".join(f"{what} {number}" for what, number in sorted(injected.items()))
    print(f"{name}: injected {injected.total()} ({affected}), {history.count()}; {counts}; {took}", flush=True)  # noqa: T201 - the line is the result
    assert injected.total() >= LEAST_FAULTS
    assert not found, "\n".join([*map(str, found), *_all_of(history, {each.tenant for each in found})])


def _all_of(history: History, tenants: set[str]) -> list[str]:
    parts = (history.calls, history.events, history.deployments, history.tenants)
    return [str(each) for part in parts for each in part if each.tenant in tenants]


@pytest.mark.parametrize(("name", "fault", "every"), FAULTS, ids=[name for name, _, _ in FAULTS])
async def test_a_history_under_a_nemesis_has_no_violation(
    run: EmbeddedRun, name: str, fault: Fault, every: tuple[float, float]
) -> None:
    await check(run, name, fault, every)


async def test_a_history_with_too_little_memory_has_no_violation(run: EmbeddedRun) -> None:
    before = failed_allocations(run)
    await check(run, "memory", too_little_memory(10.0, 0.5, *SERVICES), (2.0, 6.0))
    failed = failed_allocations(run) - before
    print(f"memory: {failed} lines about failed allocations", flush=True)  # noqa: T201 - the severity of the fault
    assert failed, "no allocation failed, so the run shows nothing"


@pytest.mark.parametrize("port", SERVERS)
async def test_a_history_with_a_server_cut_off_has_no_violation(tmp_path: Path, port: str) -> None:
    with own_network():
        async with stack(tmp_path / "data") as run:
            await check(
                run,
                f"cut off {port.removesuffix('_PORT').replace('_', ' ').lower()}",
                partition(20.0, port),
                (3.0, 8.0),
            )


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forwards", "backwards"])
async def test_a_history_with_clocks_that_jump_an_hour_has_no_violation(tmp_path: Path, seconds: int) -> None:
    with settable_clock() as clock:
        async with stack(tmp_path / "data", clock.variables) as run:
            name = f"clock {'plus' if seconds > 0 else 'minus'} an hour"
            await check(run, name, clock_jump(clock, seconds, 20.0), (5.0, 10.0))


async def test_a_history_with_full_disks_has_no_violation(tmp_path: Path) -> None:
    data = DataDirectory.prepare(tmp_path / "data")
    data.jetstream.mkdir()
    with small_disk(data.jetstream, "256m"), small_disk(data.databases, "768m"):
        async with stack(data.root) as run:
            await check(run, "full disks", one_of(fill_disk(8.0), full_databases(8.0)), (3.0, 10.0))


async def test_a_history_under_everything_at_once_has_no_violation(tmp_path: Path) -> None:
    with own_network(), settable_clock() as clock:
        async with stack(tmp_path / "data", clock.variables) as run:
            servers = ("nats", "postgres-demo", "postgres-simulator")
            fault = one_of(
                kill(*SERVICES, *servers),
                freeze(10.0, *SERVICES, *servers),
                few_descriptors(5.0, *SERVICES),
                partition(10.0, *SERVERS),
                clock_jump(clock, HOUR, 10.0),
            )
            await check(run, "everything", fault, (1.0, 5.0))
