"""What an evaluator needs to take over a share of the tenants: their rules, availability and alerts, from the database.

Also what has changed since: new tenants, other rules, announced maintenance.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from services.monitor.alerts.alert_states import AlertStates, StoredAlert
from services.monitor.alerts.evaluation import RuleTrack
from services.monitor.alerts.rule_store import RuleStore
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from services.monitor.alerts.transition import fingerprint_of
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import rules_of
from shared.database import Database
from shared.sla import Span

_TENANTS = text("SELECT tenant_id, status, updated_at, created_at FROM tenants")


@dataclass(frozen=True, slots=True)
class Share:
    """The tenants of a share, and the firing or pending alerts that no rule has any more."""

    tenants: dict[str, TenantAlerts]
    left_over: Sequence[StoredAlert]


class ShareLoader:
    """Reads one mode's database. Every method raises DependencyUnavailable."""

    def __init__(
        self,
        database: Database,
        rules: RuleStore,
        states: AlertStates,
        availability: AvailabilityStore,
        maintenance: MaintenanceStore,
    ) -> None:
        self._database = database
        self._rules = rules
        self._states = states
        self._availability = availability
        self._maintenance = maintenance

    async def load(self, includes: Callable[[str], bool], now: datetime) -> Share:
        """Everything of the tenants that `includes` has."""
        await self._availability.fold()
        histories = await self._availability.histories()
        stored = dict(await self._states.read(now))
        terms, own = await self.terms(), await self._rules.own_rules()
        tenants = {}
        for row_id, tenant_id, each in terms:
            if includes(tenant_id):
                tracks = [
                    RuleTrack(rule, alert.machine(rule) if (alert := stored.pop(fingerprint, None)) else None)
                    for rule, fingerprint in _enabled(tenant_id, own.get(tenant_id, {}))
                ]
                tenants[tenant_id] = TenantAlerts(tenant_id, each, histories.get(row_id, ()), tracks)
        left = [each for each in stored.values() if each.row is not None and each.row.tenant in tenants]
        return Share(tenants, left)

    async def terms(self) -> Sequence[tuple[int, str, Terms]]:
        """Row id, tenant id and terms of each tenant."""
        objectives = await self._availability.objectives()
        spans: dict[int | None, list[Span]] = defaultdict(list)
        for window in await self._maintenance.windows():
            spans[window.row_id].append(window.span)
        async with self._database.begin() as connection:
            rows = {row.tenant_id: row for row in await connection.execute(_TENANTS)}
        found = []
        for each in objectives:
            row = rows.get(each.tenant_id)
            if row is not None:
                changed = row.updated_at or row.created_at
                since = changed.timestamp() if changed else 0.0
                planned = (*spans[None], *spans[each.row_id])
                terms = Terms(row.status == "running", since, float(each.target), planned)
                found.append((each.row_id, each.tenant_id, terms))
        return found

    async def rules(self) -> Mapping[str, Mapping[str, AlertRule]]:
        """The stored rules of each tenant by name."""
        return await self._rules.own_rules()


def _enabled(tenant_id: str, own: Mapping[str, AlertRule]) -> Sequence[tuple[AlertRule, str]]:
    """A tenant's rules that are on, each with the fingerprint of its alert."""
    return [
        (rule, fingerprint_of(tenant_id, rule.alert_name, rule.labels))
        for rule in rules_of(own).values()
        if rule.enabled
    ]
