"""Says `sla.reported`: what has been observed of each tenant so far.

Whoever leads folds the samples that were stored into the ledger's runs and reports what they amount to. Nothing is
kept in memory but what was said last, so that another monitor goes on where this one ended.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Protocol

from services.monitor.collect.sampler import Publish, utc_now
from services.monitor.outage_log import Outage
from services.monitor.storage.availability_store import Promise
from services.monitor.storage.maintenance_windows import Window
from shared.bus import derived_id
from shared.errors import TemporaryError
from shared.events import ErrorBudget, ServiceReadiness, SlaReported
from shared.sla import Budget, Figures, Run, ServiceState, Span, budget_of, burn_rates, figures_of, slice_of
from shared.subjects import Mode

STORING_SECONDS = 1.0
"""From a change that was sampled until it is surely stored, in the ordinary case. Otherwise the next report has it."""
BUDGET_SLICES = 30 * 86_400 // 5
"""The rolling 30 days that a promise is usually about."""
_ALWAYS = Span(0, 2**62)


class Known(Protocol):
    """The ledger, as far as reporting needs it. Every method raises DependencyUnavailable."""

    async def fold(self) -> int:
        """Add what has been stored since."""

    async def promises(self) -> Sequence[Promise]:
        """All tenants."""

    async def histories(self) -> Mapping[int, Sequence[Run]]:
        """The runs of each tenant, by row id."""


class Planned(Protocol):
    """The maintenance windows."""

    async def windows(self) -> Sequence[Window]:
        """Those of all tenants. Raises DependencyUnavailable."""


Services = Callable[[str], Mapping[str, ServiceState]]
"""A tenant's services as they were sampled last, by name."""


def no_services(tenant_id: str) -> Mapping[str, ServiceState]:
    """Nothing is known of any service."""
    return {}


class _Reported(NamedTuple):
    """What was reported of a tenant."""

    figures: Figures
    services: Mapping[str, ServiceState]


class Reporter:
    """Reports the tenants of one mode while this process leads."""

    def __init__(
        self,
        mode: Mode,
        known: Known,
        planned: Planned,
        publish: Publish,
        *,
        leads: Callable[[], bool],
        changed: asyncio.Event,
        interval: float,
        services: Services = no_services,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """A tenant is reported when `changed` is set and its state is another, and every `interval` seconds."""
        self._mode = mode
        self._known = known
        self._planned = planned
        self._publish = publish
        self._leads = leads
        self._changed = changed
        self._interval = interval
        self._services = services
        self._now = now
        self._reported: dict[int, _Reported] = {}
        self._outage = Outage(mode=mode)

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
            due = loop.time() + self._interval if is_due else due

    async def _step(self, *, everyone: bool) -> None:
        if not self._leads():
            self._reported.clear()
            return
        try:
            await self.report(everyone=everyone)
        except TemporaryError as error:
            self._outage.begins(f"No SLA is reported: {error.message}")
        else:
            self._outage.ends("The SLA is reported again.")

    async def report(self, *, everyone: bool) -> None:
        """Publish what changed, or of `everyone` what was observed since. Raises DependencyUnavailable."""
        await self._known.fold()
        promises = await self._known.promises()
        histories = await self._known.histories()
        windows = await self._planned.windows()
        now = slice_of(self._now())
        self._reported = {row_id: self._reported[row_id] for row_id in self._reported.keys() & histories.keys()}
        for promise in promises:
            runs = histories.get(promise.row_id, ())
            maintenance = [each.span for each in windows if each.row_id in (None, promise.row_id)]
            figures = figures_of(runs, _ALWAYS, now=now, maintenance=maintenance)
            if figures is None:
                continue
            current = _Reported(figures, dict(self._services(promise.tenant_id)))
            if _is_news(current, self._reported.get(promise.row_id), everyone=everyone):
                await self._publish_report(promise, current, runs, maintenance)
                self._reported[promise.row_id] = current

    async def _publish_report(
        self, promise: Promise, report: _Reported, runs: Sequence[Run], maintenance: Sequence[Span]
    ) -> None:
        figures = report.figures
        end = figures.window.end
        period = Span(end - BUDGET_SLICES, end)
        budget = budget_of(runs, period, promise.target, now=end, maintenance=maintenance)
        event = SlaReported(
            tenant_id=promise.tenant_id,
            time=figures.until,
            since=figures.since,
            availability=figures.availability,
            target=promise.percent,
            status=figures.status(promise.target),
            downtime_seconds=figures.down_seconds,
            observed_seconds=figures.observed_seconds,
            failures=len(figures.failures),
            unknown_seconds=figures.unknown_seconds,
            maintenance_seconds=figures.maintenance_seconds,
            mttr_seconds=figures.mttr_seconds,
            mtbf_seconds=figures.mtbf_seconds,
            error_budget=budget_model(budget),
            burn_rates=burn_rates(runs, promise.target, now=end, maintenance=maintenance),
            services={name: ServiceReadiness(**each._asdict()) for name, each in report.services.items()},
        )
        event_id = derived_id(self._mode, event.subject, event.model_dump_json())
        await self._publish(event, mode=self._mode, event_id=event_id, correlation_id=event_id, time=figures.until)


def budget_model(budget: Budget) -> ErrorBudget:
    """The contract's form of a budget."""
    return ErrorBudget(
        allowed_seconds=budget.allowed_seconds,
        spent_seconds=budget.spent_seconds,
        left_percent=round(100 * budget.left, 4),
        exhausts_at=budget.exhausts_at,
    )


def _is_news(now: _Reported, before: _Reported | None, *, everyone: bool) -> bool:
    """A stopped tenant has no news: nothing is observed of it."""
    if before is None or _state(now.figures) != _state(before.figures) or now.services != before.services:
        return True
    return everyone and now.figures.observed_seconds != before.figures.observed_seconds


def _state(figures: Figures) -> tuple[bool | None, int, int]:
    return figures.is_up, len(figures.failures), figures.window.start
