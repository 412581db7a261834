"""What the reporter publishes, and when."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from services.monitor.reports.reporter import REPORTS_A_SECOND, Reporter
from services.monitor.storage.availability_store import TenantObjective
from services.monitor.storage.maintenance_windows import MaintenanceWindow
from shared.errors import DependencyUnavailable
from shared.events import ErrorBudget, SlaReported
from shared.sla import AvailabilityHistory, Run, slice_of, slice_start

BEGIN = slice_of(datetime(2026, 11, 20, tzinfo=UTC))
ACME = TenantObjective(1, "acme", "Acme", Fraction("0.995"))


@dataclass
class FakeStore:
    """Stored samples in the order in which they were stored, and announced windows."""

    targets: list[TenantObjective] = field(default_factory=lambda: [ACME])
    stored: list[tuple[int, int, bool]] = field(default_factory=list)
    planned: list[MaintenanceWindow] = field(default_factory=list)
    is_up: bool = True

    def store(self, letters: str, *, first: int = 0, row_id: int = ACME.row_id) -> None:
        for offset, letter in enumerate(letters):
            if letter != "?":
                self.stored.append((row_id, BEGIN + first + offset, letter == "u"))

    async def fold(self) -> int:
        if not self.is_up:
            raise DependencyUnavailable("PostgreSQL", "connection refused")
        return 0

    async def objectives(self) -> Sequence[TenantObjective]:
        return self.targets

    async def histories(self) -> Mapping[int, Sequence[Run]]:
        found: dict[int, AvailabilityHistory] = {}
        for row_id, number, up in self.stored:
            found.setdefault(row_id, AvailabilityHistory()).observe(number, up=up)
        return {row_id: history.runs for row_id, history in found.items()}

    async def windows(self) -> Sequence[MaintenanceWindow]:
        return self.planned


@dataclass
class Stage:
    """A reporter with everything around it, at the end of slice `now`."""

    samples: FakeStore = field(default_factory=FakeStore)
    published: list[SlaReported] = field(default_factory=list)
    now: int = 0
    others: set[str] = field(default_factory=set)
    """Tenants that other copies report."""

    def __post_init__(self) -> None:
        self.reporter = Reporter(
            self.samples,
            self.samples,
            self._publish,
            includes=lambda tenant_id: tenant_id not in self.others,
            changed=asyncio.Event(),
            interval=30,
            now=lambda: slice_start(BEGIN + self.now),
        )

    async def _publish(self, report: SlaReported) -> None:
        self.published.append(report)

    async def report(self, *, everyone: bool = True) -> list[SlaReported]:
        """The events published in one round."""
        before = len(self.published)
        await self.reporter.report(everyone=everyone)
        return self.published[before:]


async def test_a_copy_reports_only_its_own_tenants_and_reports_one_that_comes_to_it_at_once() -> None:
    stage = Stage(now=3)
    stage.samples.store("uuu")
    [first] = await stage.report()
    stage.others = {first.tenant_id}
    assert await stage.report() == []
    stage.others = set()
    assert [each.tenant_id for each in await stage.report(everyone=False)] == [first.tenant_id]


async def test_a_tenant_that_has_not_run_yet_is_not_reported() -> None:
    stage = Stage(now=5)
    stage.samples.store("ddddd")
    assert await stage.report() == []


async def test_the_first_report_has_everything_since_the_tenant_ran() -> None:
    stage = Stage(now=6)
    stage.samples.store("dduud?")
    (report,) = await stage.report(everyone=False)
    assert report == SlaReported(
        tenant_id="acme",
        time=slice_start(BEGIN + 6),
        since=slice_start(BEGIN + 2),
        availability=100 * 2 / 3,
        target=99.5,
        status="violated",
        downtime_seconds=5,
        observed_seconds=15,
        failures=1,
        unknown_seconds=5,
        mttr_seconds=5,
        mtbf_seconds=10,
        error_budget=ErrorBudget(
            allowed_seconds=12_960, spent_seconds=5, left_percent=99.9614, exhausts_at=report.error_budget.exhausts_at
        ),
        burn_rates=report.burn_rates,
    )


async def test_what_was_stored_since_is_added() -> None:
    stage = Stage(now=3)
    stage.samples.store("uuu")
    await stage.report()
    stage.samples.store("uuu", first=3)
    stage.now = 6
    (report,) = await stage.report()
    assert report.observed_seconds == 30


async def test_planned_maintenance_is_shown_and_is_no_downtime() -> None:
    stage = Stage(now=4)
    stage.samples.store("uddu")
    stage.samples.planned = [
        MaintenanceWindow(1, 1, "acme", slice_start(BEGIN + 1), slice_start(BEGIN + 3), "database upgrade")
    ]
    (report,) = await stage.report()
    assert (report.downtime_seconds, report.maintenance_seconds, report.failures) == (0, 10, 0)
    stage.samples.planned = [stage.samples.planned[0]._replace(row_id=2)]
    (report,) = await stage.report()
    assert (report.downtime_seconds, report.maintenance_seconds) == (10, 0)


async def test_windows_are_looked_at_once_for_all_tenants() -> None:
    class Windows(list[MaintenanceWindow]):
        passes = 0

        def __iter__(self) -> Iterator[MaintenanceWindow]:
            Windows.passes += 1
            return super().__iter__()

    stage = Stage(now=2)
    stage.samples.targets = [replace(ACME, row_id=number, tenant_id=f"t-{number}") for number in range(1, 4)]
    for each in stage.samples.targets:
        stage.samples.store("ud", row_id=each.row_id)
    everywhere = MaintenanceWindow(1, None, None, slice_start(BEGIN + 1), slice_start(BEGIN + 2), "power")
    stage.samples.planned = Windows([everywhere, everywhere._replace(id=2, row_id=2, tenant_id="t-2")])
    reports = await stage.report()
    assert [(each.tenant_id, each.maintenance_seconds) for each in reports] == [("t-1", 5), ("t-2", 5), ("t-3", 5)]
    assert Windows.passes == 1


async def test_samples_that_were_stored_late_are_counted() -> None:
    stage = Stage(now=9)
    stage.samples.store("uu?????uu")
    await stage.report()
    stage.samples.store("ddddd", first=2)
    (report,) = await stage.report()
    assert (report.observed_seconds, report.downtime_seconds, report.failures) == (45, 25, 1)


async def test_between_the_rounds_only_a_change_is_published() -> None:
    stage = Stage(now=2)
    stage.samples.store("uu")
    await stage.report()
    stage.samples.store("uu", first=2)
    stage.now = 4
    assert await stage.report(everyone=False) == []
    stage.samples.store("d", first=4)
    stage.now = 5
    (report,) = await stage.report(everyone=False)
    assert report.failures == 1


async def test_a_stopped_tenant_is_not_reported_again() -> None:
    stage = Stage(now=2)
    stage.samples.store("uu")
    await stage.report()
    stage.now = 100
    assert await stage.report() == []


async def test_a_new_tenant_with_the_id_of_a_deleted_one_has_a_history_of_its_own() -> None:
    stage = Stage(now=3)
    stage.samples.store("udd")
    await stage.report()
    again = TenantObjective(2, "acme", None, Fraction("0.999"))
    stage.samples.targets = [again]
    stage.samples.store("uu", first=3, row_id=again.row_id)
    stage.now = 5
    (report,) = await stage.report()
    assert (report.since, report.downtime_seconds, report.target) == (slice_start(BEGIN + 3), 0, 99.9)


async def test_a_new_target_holds_for_the_next_report() -> None:
    stage = Stage(now=2)
    stage.samples.store("u" * 199 + "d")
    (report,) = await stage.report()
    assert report.status == "meeting"
    stage.samples.targets = [replace(ACME, target=Fraction("0.999"))]
    stage.samples.store("d", first=200)
    (report,) = await stage.report()
    assert (report.status, report.target) == ("violated", 99.9)


async def test_reports_continue_after_an_outage_of_the_database() -> None:
    stage = Stage(now=2)
    stage.samples.store("uu")
    stage.samples.is_up = False
    with pytest.raises(DependencyUnavailable):
        await stage.report()
    stage.samples.is_up = True
    assert len(await stage.report()) == 1


async def test_many_tenants_are_reported_less_often_so_that_reports_stay_few() -> None:
    stage = Stage(now=3)
    stage.samples.targets = [replace(ACME, row_id=number, tenant_id=f"t-{number}") for number in range(1, 1001)]
    for number in range(1, 1001):
        stage.samples.store("uuu", row_id=number)
    assert stage.reporter._pause == 30
    await stage.report()
    assert stage.reporter._pause == 1000 / REPORTS_A_SECOND
