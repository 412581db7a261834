"""The age of a timestamp when the machine's clock was set after it was made."""

from datetime import UTC, datetime, timedelta

import pytest

from services.simulator.clock import Clock
from services.simulator.wall_time import WallTime

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A wall clock that can be set, a monotonic one that can't, and what follows both."""

    def __init__(self) -> None:
        self.wall, self.passed = START, 1000.0
        self.time = WallTime(lambda: self.wall, lambda: self.passed)

    def work(self, seconds: float) -> None:
        """Time passes, and the clock is read now and then."""
        for _ in range(10):
            self.wall += timedelta(seconds=seconds / 10)
            self.passed += seconds / 10
            self.time.now()

    def set(self, by: timedelta) -> None:
        self.wall += by
        self.time.now()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize("step", [HOUR, -HOUR, 24 * HOUR, timedelta(seconds=-30)], ids=str)
def test_a_step_of_the_clock_is_neither_time_that_has_passed_nor_time_to_wait(
    machine: Machine, step: timedelta
) -> None:
    machine.work(600)
    made = machine.time.now()
    machine.work(10)
    machine.set(step)
    assert machine.time.since(made) == pytest.approx(10)
    machine.work(5)
    assert machine.time.since(made) == pytest.approx(15)


def test_a_timestamp_of_an_hour_ahead_is_as_old_as_it_is_when_the_clock_is_set_back(machine: Machine) -> None:
    machine.set(HOUR)
    machine.work(5)
    made = machine.time.now().replace(microsecond=0)
    machine.work(15)
    machine.set(-HOUR)
    assert made > machine.time.now()
    machine.work(2)
    assert machine.time.since(made) == pytest.approx(17, abs=1)


def test_timestamps_follow_the_machine_so_that_none_is_of_the_future(machine: Machine) -> None:
    for step in (HOUR, -2 * HOUR, HOUR):
        machine.set(step)
        machine.work(3)
        assert machine.time.now() == machine.wall


def test_a_machine_that_was_suspended_has_not_spent_that_time(machine: Machine) -> None:
    made = machine.time.now()
    machine.work(3)
    # The monotonic clock stands still meanwhile.
    machine.wall += 8 * HOUR
    assert machine.time.since(made) == pytest.approx(3)


def test_a_whole_second_before_a_step_back_is_not_an_hour_old(machine: Machine) -> None:
    machine.work(600.6)
    machine.set(-timedelta(minutes=5))
    made = machine.time.now().replace(microsecond=0)
    machine.work(2)
    assert machine.time.since(made) == pytest.approx(2, abs=1)


def test_what_was_made_before_the_process_started_is_older_than_it(machine: Machine) -> None:
    made = START - timedelta(minutes=10)
    machine.work(60)
    assert machine.time.since(made) == pytest.approx(660)
    machine.set(HOUR)
    assert machine.time.since(made) == pytest.approx(660)


def test_a_timestamp_of_the_future_at_the_start_is_as_old_as_the_process(machine: Machine) -> None:
    machine.work(40)
    assert machine.time.since(START + HOUR) == pytest.approx(40)


def test_a_clock_that_is_slewed_is_followed(machine: Machine) -> None:
    made = machine.time.now()
    machine.set(timedelta(seconds=-0.3))
    assert machine.time.since(made) == 0
    machine.work(10)
    assert machine.time.since(made) == pytest.approx(9.7)


def test_steps_without_end_cost_no_memory(machine: Machine) -> None:
    made = machine.time.now()
    for step in range(1000):
        machine.set(HOUR if step % 2 else -HOUR)
        machine.work(1)
    assert len(machine.time._pieces) <= 64
    assert machine.time.since(made) >= 0


def test_spans_of_time_are_measured_without_the_steps(machine: Machine) -> None:
    before = machine.time.steady()
    machine.work(7)
    machine.set(HOUR)
    machine.work(1)
    assert (machine.time.steady() - before).total_seconds() == pytest.approx(8)


def test_the_simulators_clock_counts_real_time_at_its_speed(machine: Machine) -> None:
    clock = Clock(speed=10, wall=machine.time)
    machine.set(HOUR)
    made = clock.now()
    machine.work(2)
    machine.set(-HOUR)
    assert clock.since(made) == pytest.approx(20)
