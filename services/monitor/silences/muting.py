"""Which silence or maintenance window mutes an alert at a moment. Pure.

A muted alert fires as any other, is shown and joins its incident; it is only not notified of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.monitor.silences.recurrence import occurrence_at
from shared.alerts.matchers import Matcher, alert_labels, all_match
from shared.rpc.silences import Recurrence


@dataclass(frozen=True, slots=True)
class MutableAlert:
    """What decides whether an alert is muted."""

    tenant_id: str
    name: str
    severity: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SilenceRule:
    """A silence of a tenant. `end` None is open, which only one that repeats may be."""

    silence_id: str
    tenant_id: str
    matchers: tuple[Matcher, ...]
    start: datetime
    end: datetime | None
    recurrence: Recurrence | None
    zone: str
    """The tenant's time zone."""

    def is_in_effect(self, at: datetime) -> bool:
        """Whether it mutes what matches at this moment."""
        if at < self.start or (self.end is not None and at >= self.end):
            return False
        return self.recurrence is None or occurrence_at(self.recurrence, at, zone=self.zone) is not None

    def matches(self, alert: MutableAlert) -> bool:
        """Whether the alert is one that it mutes while it is in effect."""
        labels = alert_labels(alert.name, alert.severity, alert.tenant_id, alert.labels)
        return alert.tenant_id == self.tenant_id and all_match(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class MutingWindow:
    """A maintenance window, which mutes every alert of its tenant. `tenant_id` None is every tenant."""

    window_id: int
    tenant_id: str | None
    began: datetime
    ended: datetime

    def mutes(self, alert: MutableAlert, at: datetime) -> bool:
        """Whether the alert is muted by it at this moment."""
        return self.tenant_id in (None, alert.tenant_id) and self.began <= at < self.ended

    @property
    def name(self) -> str:
        """As it is named in `muted_by`."""
        return f"maintenance-{self.window_id}"


def muted_by(
    alert: MutableAlert, at: datetime, *, silences: Iterable[SilenceRule], windows: Iterable[MutingWindow]
) -> str | None:
    """The name of what mutes the alert: maintenance before silences, of these the first one; None: nothing does."""
    for window in windows:
        if window.mutes(alert, at):
            return window.name
    for silence in silences:
        if silence.is_in_effect(at) and silence.matches(alert):
            return silence.silence_id
    return None
