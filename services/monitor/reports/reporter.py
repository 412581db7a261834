"""Publishes `sla.reported`: what has been observed of each tenant so far.

Each copy adds stored samples to the availability runs and reports the tenants of its share, by the figures that follow
from them. Only the last report of each tenant is kept in memory, so another copy can take over at any time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from services.monitor.clock import Now, utc_now
from services.monitor.outage_log import OutageLog
from services.monitor.publisher import PublishReport
from services.monitor.storage.availability_store import TenantObjective
from services.monitor.storage.maintenance_windows import MaintenanceWindow
from shared.errors import TemporaryError
from shared.events import ErrorBudget, ServiceReadiness, SlaReported
from shared.sla import Budget, Figures, Run, ServiceState, Span, budget_of, burn_rates, figures_of, slice_of

STORING_SECONDS = 1.0
"""The usual time from sampling a change until it is stored. If it takes longer, the next report has the change."""
REPORTS_A_SECOND = 10.0
"""At most, on average, of tenants whose state doesn't change. Each costs some milliseconds in monitor, NATS, gateway
and PostgreSQL: every 30 s, those of a thousand tenants would take a tenth of a core."""
BUDGET_SLICES = 30 * 86_400 // 5
"""The error budget covers the last 30 days, the usual period of an SLA."""
_ALWAYS = Span(0, 2**62)


class ObservedAvailability(Protocol):
    """The availability store, as far as reporting needs it. Every method raises DependencyUnavailable."""

    async def fold(self) -> int:
        """Add the samples stored since the last call."""

    async def objectives(self) -> Sequence[TenantObjective]:
        """The objectives of all tenants."""

    async def histories(self) -> Mapping[int, Sequence[Run]]:
        """The runs of each tenant, by row id."""


class PlannedMaintenance(Protocol):
    """The maintenance windows, as far as reporting needs them."""

    async def windows(self) -> Sequence[MaintenanceWindow]:
        """The windows of all tenants. Raises DependencyUnavailable."""


ServicesOf = Callable[[str], Mapping[str, ServiceState]]
"""A tenant's services in the latest sample, by name."""


def no_services(tenant_id: str) -> Mapping[str, ServiceState]:
    """No service of the tenant is known."""
    return {}


def every_tenant(tenant_id: str) -> bool:
    """All tenants are reported."""
    return True


class _Reported(NamedTuple):
    """The contents of a tenant's report."""

    figures: Figures
    services: Mapping[str, ServiceState]


class Reporter:
    """Reports the tenants of this process's share."""

    def __init__(
        self,
        availability: ObservedAvailability,
        maintenance: PlannedMaintenance,
        publish: PublishReport,
        *,
        includes: Callable[[str], bool] = every_tenant,
        changed: asyncio.Event,
        interval: float,
        services: ServicesOf = no_services,
        now: Now = utc_now,
    ) -> None:
        """Report a tenant when `changed` is set and its state differs, and every `interval` seconds."""
        self._availability = availability
        self._maintenance = maintenance
        self._publish = publish
        self._includes = includes
        self._changed = changed
        self._interval = interval
        self._services = services
        self._now = now
        self._reported: dict[int, _Reported] = {}
        self._outage = OutageLog()

    async def run(self) -> None:
        """Report until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
                await asyncio.sleep(STORING_SECONDS)
            self._changed.clear()
            is_due = loop.time() >= due
            await self._step(everyone=is_due)
            due = loop.time() + self._pause if is_due else due

    @property
    def _pause(self) -> float:
        """Seconds between two reports of a tenant whose state doesn't change: longer with many tenants."""
        return max(self._interval, len(self._reported) / REPORTS_A_SECOND)

    async def _step(self, *, everyone: bool) -> None:
        try:
            await self.report(everyone=everyone)
        except TemporaryError as error:
            self._outage.begins(f"SLA reports are interrupted: {error.message}")
        else:
            self._outage.ends("SLA reports continue.")

    async def report(self, *, everyone: bool) -> None:
        """Publish the tenants whose state changed; with `everyone` also those observed since their last report.

        Raises DependencyUnavailable.
        """
        await self._availability.fold()
        objectives = [each for each in await self._availability.objectives() if self._includes(each.tenant_id)]
        histories = await self._availability.histories() if objectives else {}
        planned = await self._planned() if objectives else {}
        now = slice_of(self._now())
        own = {each.row_id for each in objectives} & histories.keys()
        self._reported = {row_id: each for row_id, each in self._reported.items() if row_id in own}
        for objective in objectives:
            runs = histories.get(objective.row_id, ())
            maintenance = (*planned.get(None, ()), *planned.get(objective.row_id, ()))
            figures = figures_of(runs, _ALWAYS, now=now, maintenance=maintenance)
            if figures is None:
                continue
            current = _Reported(figures, dict(self._services(objective.tenant_id)))
            if _is_news(current, self._reported.get(objective.row_id), everyone=everyone):
                await self._publish_report(objective, current, runs, maintenance)
                self._reported[objective.row_id] = current

    async def _planned(self) -> Mapping[int | None, Sequence[Span]]:
        """The planned maintenance by row id, None for what is every tenant's: recurring windows are many."""
        spans: dict[int | None, list[Span]] = defaultdict(list)
        for each in await self._maintenance.windows():
            spans[each.row_id].append(each.span)
        return spans

    async def _publish_report(
        self, objective: TenantObjective, report: _Reported, runs: Sequence[Run], maintenance: Sequence[Span]
    ) -> None:
        figures = report.figures
        end = figures.window.end
        period = Span(end - BUDGET_SLICES, end)
        budget = budget_of(runs, period, objective.target, now=end, maintenance=maintenance)
        event = SlaReported(
            tenant_id=objective.tenant_id,
            time=figures.until,
            since=figures.since,
            availability=figures.availability,
            target=objective.percent,
            status=figures.status(objective.target),
            downtime_seconds=figures.down_seconds,
            observed_seconds=figures.observed_seconds,
            failures=len(figures.failures),
            unknown_seconds=figures.unknown_seconds,
            maintenance_seconds=figures.maintenance_seconds,
            mttr_seconds=figures.mttr_seconds,
            mtbf_seconds=figures.mtbf_seconds,
            error_budget=budget_model(budget),
            burn_rates=burn_rates(runs, objective.target, now=end, maintenance=maintenance),
            services={name: ServiceReadiness(**each._asdict()) for name, each in report.services.items()},
        )
        await self._publish(event)


def budget_model(budget: Budget) -> ErrorBudget:
    """The contract's form of a budget."""
    return ErrorBudget(
        allowed_seconds=budget.allowed_seconds,
        spent_seconds=budget.spent_seconds,
        left_percent=round(100 * budget.left, 4),
        exhausts_at=budget.exhausts_at,
    )


def _is_news(now: _Reported, before: _Reported | None, *, everyone: bool) -> bool:
    """Whether a tenant must be reported. A stopped tenant isn't observed, so nothing changes."""
    if before is None or _state(now.figures) != _state(before.figures) or now.services != before.services:
        return True
    return everyone and now.figures.observed_seconds != before.figures.observed_seconds


def _state(figures: Figures) -> tuple[bool | None, int, int]:
    return figures.is_up, len(figures.failures), figures.window.start
