"""Which silence or maintenance window mutes an alert at a moment. Pure.

A muted alert fires as any other, is shown and joins its incident; it is only not notified of.
"""

from collections import defaultdict
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

    def is_in_effect(self, at: datetime) -> bool:
        """Whether it mutes its tenant's alerts at this moment."""
        return self.began <= at < self.ended

    @property
    def name(self) -> str:
        """As it is named in `muted_by`."""
        return f"maintenance-{self.window_id}"


class Muting:
    """What mutes alerts at one moment: by tenant, so that an alert costs no look at what other tenants have."""

    def __init__(self, at: datetime, *, silences: Iterable[SilenceRule], windows: Iterable[MutingWindow]) -> None:
        """Of `silences` and `windows`, those that are in effect count; the first ones before the others."""
        self._silences: dict[str, list[SilenceRule]] = defaultdict(list)
        self._windows: dict[str | None, MutingWindow] = {}
        for silence in silences:
            if silence.is_in_effect(at):
                self._silences[silence.tenant_id].append(silence)
        for window in windows:
            if window.is_in_effect(at):
                self._windows.setdefault(window.tenant_id, window)

    def muted_by(self, alert: MutableAlert) -> str | None:
        """The name of what mutes the alert: maintenance before silences, the tenant's first; None: nothing does."""
        window = self._windows.get(alert.tenant_id) or self._windows.get(None)
        if window is not None:
            return window.name
        own = self._silences.get(alert.tenant_id)
        if not own:
            return None
        labels = alert_labels(alert.name, alert.severity, alert.tenant_id, alert.labels)
        return next((each.silence_id for each in own if all_match(each.matchers, labels)), None)
