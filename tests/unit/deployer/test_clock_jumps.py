"""Deadlines outlast a clock that is set, in both directions."""

from datetime import UTC, datetime, timedelta

import pytest

from services.deployer.health.pods import UNSCHEDULABLE, PodProblem
from services.deployer.health.rules import HealthStatus, ObjectHealth
from services.deployer.health.snapshot import ObjectStatus, UnreadyPod
from services.deployer.reconcile.clock_jumps import ClockJumps
from services.deployer.reconcile.deadlines import Deadlines, Timeouts
from services.deployer.state.records import ObjectRef

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMITS = Timeouts(
    timeout=1200.0, resource_timeout=None, failure_grace=60.0, unschedulable_grace=300.0, takeover_grace=120.0
)


class Clocks:
    """A wall clock that can be set, and a monotonic one that can't."""

    def __init__(self) -> None:
        self.wall, self.elapsed = NOW, 1000.0

    def pass_by(self, seconds: float) -> datetime:
        self.wall += timedelta(seconds=seconds)
        self.elapsed += seconds
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def deadlines(clocks: Clocks) -> Deadlines:
    jumps = ClockJumps(clocks.monotonic)
    jumps.without(clocks.wall)
    return Deadlines(LIMITS, started_at=clocks.wall, taken_over_at=clocks.wall, jumps=jumps)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 24 * HOUR], ids=str)
def test_a_jump_of_the_clock_is_neither_time_that_passed_nor_time_that_is_left(clocks: Clocks, jump: timedelta) -> None:
    waiting = deadlines(clocks)
    assert not waiting.is_over(clocks.pass_by(600))
    clocks.wall += jump
    assert not waiting.is_over(clocks.pass_by(300))
    assert not waiting.is_over(clocks.pass_by(299))
    assert waiting.is_over(clocks.pass_by(1))


def test_jumps_add_up_and_cancel_out(clocks: Clocks) -> None:
    jumps = ClockJumps(clocks.monotonic)
    assert jumps.without(clocks.wall) == NOW
    for jump in (HOUR, HOUR, -HOUR):
        clocks.wall += jump
        jumps.without(clocks.pass_by(10))
    assert jumps.without(clocks.wall) == NOW + timedelta(seconds=30)


def test_a_clock_that_is_slewed_is_followed(clocks: Clocks) -> None:
    jumps = ClockJumps(clocks.monotonic)
    jumps.without(clocks.wall)
    clocks.wall += timedelta(seconds=0.5)
    assert jumps.without(clocks.pass_by(1)) == clocks.wall


def test_without_a_monotonic_clock_every_time_is_believed() -> None:
    jumps = ClockJumps()
    assert jumps.without(NOW) == NOW
    assert jumps.without(NOW + HOUR) == NOW + HOUR


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=str)
def test_a_deployment_that_got_room_after_a_jump_has_its_whole_time_and_no_more(
    clocks: Clocks, jump: timedelta
) -> None:
    waiting = deadlines(clocks)
    clocks.wall += jump
    waiting.start_at(clocks.pass_by(10))
    assert not waiting.is_over(clocks.pass_by(1199))
    assert waiting.is_over(clocks.pass_by(1))


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=str)
def test_how_long_a_pod_had_no_node_leaves_jumps_out(clocks: Clocks, jump: timedelta) -> None:
    waiting = deadlines(clocks)
    ref = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="n", name="callbot")
    problem = PodProblem(UNSCHEDULABLE, "Insufficient cpu")
    note = UnreadyPod(name="callbot-1", uid="1", problem=problem, state="Pending")
    item = ObjectStatus(
        ref=ref, health=ObjectHealth(HealthStatus.PROGRESSING, "0 of 1"), wanted=1, ready=0, unready=(note,)
    )
    assert waiting.judge([item], clocks.wall) is None
    clocks.wall += jump
    assert waiting.longest_unscheduled(clocks.pass_by(7)) == 7
