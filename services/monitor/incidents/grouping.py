"""How transitions of alerts open, join, merge, close and reopen the incidents of one tenant. Pure.

An alert that begins to fire belongs to

    each open incident that has its cause, or in which an alert fires that explains it or is explained by it
    if there is none: the incident with its cause that has closed within the last ten minutes, which opens again
    if there is none: a new one

Of several the oldest stays, and the others are merged into it. An incident whose last alert is resolved is closed.
The alerts of a batch count as simultaneous: what explains others comes first, and nothing closes before all have fired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.monitor.alerts.transition import Transition
from services.monitor.incidents import entries
from services.monitor.incidents.causes import CausedAlert, cause_of
from services.monitor.incidents.inhibition import explains, inhibitor_of
from services.monitor.incidents.model import Incident, Journal, Member
from shared.alerts.rule import Severity

REOPENS_WITHIN = timedelta(minutes=10)


class _Marks(NamedTuple):
    incident_id: str
    inhibited_by: str | None


class Grouping:
    """The incidents of one tenant: all that are open, and those that closed a short time ago."""

    def __init__(self, incidents: Iterable[Incident], new_id: Callable[[], str], journal: Journal) -> None:
        self._incidents = {each.incident_id: each for each in incidents}
        self._new_id = new_id
        self._journal = journal

    def apply(self, transitions: Sequence[Transition]) -> tuple[list[Transition], set[str]]:
        """Apply a batch of the tenant's transitions.

        Returns them with their incident and what inhibits them, and the fingerprints of other alerts that fire and
        whose marks have changed.
        """
        before = self._marks()
        for part in _without_repeats(transitions):
            for each in sorted(part, key=_first_fire_then_resolve):
                if each.state == "firing":
                    self._fire(each)
                else:
                    self._resolve(each)
            self._close(max(each.at for each in part))
        after = self._marks()
        given = {each.fingerprint for each in transitions}
        changed = {name for name, marks in after.items() if marks != before.get(name)} - given
        return [self._marked(each) for each in transitions], changed

    def marks_of(self, transition: Transition) -> Transition:
        """The transition of an alert of one of these incidents, with its marks."""
        return self._marked(transition)

    def _fire(self, transition: Transition) -> None:
        incident = self._holding(transition.fingerprint)
        if incident is not None:
            _refresh(incident.members[transition.fingerprint], transition)
            incident.changed.add(transition.fingerprint)
            self._journal.touch(incident, transition.at)
            return
        alert = caused(transition)
        incident = self._incident_for(alert, transition)
        self._join(incident, alert, transition)
        _inhibit(incident, alert)

    def _incident_for(self, alert: CausedAlert, transition: Transition) -> Incident:
        cause, at = cause_of(alert), transition.at
        found = [each for each in self._incidents.values() if not each.is_closed and _concerns(each, alert, cause)]
        if found:
            oldest, *others = sorted(found, key=lambda each: (each.opened_at, each.incident_id))
            for other in others:
                self._merge(other, oldest, at)
            return oldest
        recent = [each for each in self._incidents.values() if _reopens(each, cause, at)]
        if recent:
            return self._reopen(max(recent, key=lambda each: (each.closed_at or at, each.incident_id)), at)
        return self._open(alert, transition)

    def _open(self, alert: CausedAlert, transition: Transition) -> Incident:
        incident = Incident(
            incident_id=self._new_id(),
            tenant_id=transition.tenant_id,
            title=transition.summary,
            title_scope=alert.extent,
            severity=alert.severity,
            worst=alert.severity,
            opened_at=transition.at,
            changed_at=transition.at,
        )
        self._incidents[incident.incident_id] = incident
        self._journal.add(incident, entries.opened(incident, transition.at), "opened")
        return incident

    def _join(self, incident: Incident, alert: CausedAlert, transition: Transition) -> None:
        incident.causes.add(cause_of(alert))
        earlier = incident.members.get(alert.fingerprint)
        incident.put(_member(alert, transition, earlier))
        if alert.extent > incident.title_scope:
            incident.title, incident.title_scope = transition.summary, alert.extent
        self._journal.add(incident, entries.fired(incident, transition))
        self._raise(incident, alert.severity, transition.at)

    def _raise(self, incident: Incident, severity: Severity, at: datetime) -> None:
        """What is more urgent than before has to be acknowledged again."""
        was_acknowledged = incident.status == "acknowledged"
        if incident.raise_to(severity):
            incident.unacknowledge()
            self._journal.add(incident, entries.raised(incident, at, was_acknowledged=was_acknowledged), "severity")

    def _reopen(self, incident: Incident, at: datetime) -> Incident:
        incident.status, incident.closed_at, incident.closed_by = "open", None, None
        incident.unacknowledge()
        self._journal.add(incident, entries.reopened(incident, at), "reopened")
        return incident

    def _merge(self, other: Incident, into: Incident, at: datetime) -> None:
        into.causes |= other.causes
        for fingerprint, member in other.members.items():
            if member.fires or fingerprint not in into.members:
                into.put(member)
        into.assignee = into.assignee or other.assignee
        if other.title_scope > into.title_scope:
            into.title, into.title_scope = other.title, other.title_scope
        other.members.clear()
        other.sources.clear()
        other.status, other.closed_at, other.merged_into = "closed", at, into.incident_id
        self._journal.move(other, into)
        self._journal.add(into, entries.merged(into, other, at), "merged")
        self._raise(into, other.worst, at)
        self._journal.touch(other, at)
        self._journal.events.append(("closed", other, None))

    def _resolve(self, transition: Transition) -> None:
        incident = self._holding(transition.fingerprint)
        if incident is None:
            return
        member = incident.members[transition.fingerprint]
        member.resolved_at = max(transition.at, member.fired_at)
        member.value = transition.value
        incident.changed.add(transition.fingerprint)
        self._journal.add(incident, entries.resolved(incident, transition))
        _inhibit(incident, member.alert)

    def _close(self, at: datetime) -> None:
        """Close what no alert of fires in any longer. What people opened by hand and has no alerts, they close."""
        for incident in self._incidents.values():
            if not incident.is_closed and incident.members and not incident.firing:
                incident.status, incident.closed_at = "closed", max(at, incident.opened_at)
                self._journal.add(incident, entries.closed(incident, incident.closed_at), "closed")

    def _holding(self, fingerprint: str) -> Incident | None:
        """The open incident in which an alert fires."""
        for incident in self._incidents.values():
            member = incident.members.get(fingerprint)
            if member is not None and member.fires and not incident.is_closed:
                return incident
        return None

    def _marks(self) -> dict[str, _Marks]:
        return {
            fingerprint: _Marks(incident.incident_id, member.inhibited_by)
            for incident in self._incidents.values()
            for fingerprint, member in incident.members.items()
            if member.fires
        }

    def _marked(self, transition: Transition) -> Transition:
        """With the incident in which it fires, or the one in which it was resolved last."""
        incident = self._holding(transition.fingerprint) or self._last_with(transition.fingerprint)
        if incident is None:
            return transition
        member = incident.members[transition.fingerprint]
        return replace(transition, incident_id=incident.incident_id, inhibited_by=member.inhibited_by)

    def _last_with(self, fingerprint: str) -> Incident | None:
        having = [each for each in self._incidents.values() if fingerprint in each.members]
        return max(having, key=lambda each: each.members[fingerprint].fired_at, default=None)


def caused(transition: Transition) -> CausedAlert:
    """An alert as grouping sees it."""
    return CausedAlert(transition.fingerprint, transition.name, transition.severity, transition.labels, transition.type)


def _concerns(incident: Incident, alert: CausedAlert, cause: str) -> bool:
    if cause in incident.causes:
        return True
    if any(explains(each, alert) for each in incident.firing_sources):
        return True
    return alert.is_source and any(explains(alert, each.alert) for each in incident.firing)


def _reopens(incident: Incident, cause: str, at: datetime) -> bool:
    """Whether it has closed by itself so recently that an alert of its cause continues it."""
    closed = incident.closed_at
    if closed is None or incident.closed_by is not None or incident.merged_into is not None:
        return False
    return cause in incident.causes and at - closed <= REOPENS_WITHIN


def _member(alert: CausedAlert, transition: Transition, earlier: Member | None) -> Member:
    return Member(
        alert=alert,
        alert_id=transition.alert_id,
        fired_at=transition.at,
        first_at=earlier.first_at if earlier else transition.at,
        firings=earlier.firings + 1 if earlier else 1,
        summary=transition.summary,
        condition=transition.condition,
        value=transition.value,
        muted_by=transition.muted_by,
        runbook=transition.runbook,
    )


def _refresh(member: Member, transition: Transition) -> None:
    """A transition of an alert that fires already changes its marks and figures alone."""
    member.muted_by, member.value, member.summary = transition.muted_by, transition.value, transition.summary


def _inhibit(incident: Incident, changed: CausedAlert) -> None:
    """Find what inhibits the alerts that `changed` may concern. All that can are in the same incident."""
    sources = incident.firing_sources
    own = incident.members[changed.fingerprint]
    for member in incident.firing if changed.is_source else [own]:
        if member.fires:
            source = inhibitor_of(member.alert, sources)
            name = source.fingerprint if source else None
            if name != member.inhibited_by:
                member.inhibited_by = name
                incident.changed.add(member.alert.fingerprint)


def _without_repeats(transitions: Sequence[Transition]) -> Iterator[list[Transition]]:
    """Parts in which no alert occurs twice: within them the order doesn't matter."""
    part: list[Transition] = []
    seen: set[str] = set()
    for each in transitions:
        if each.fingerprint in seen:
            yield part
            part, seen = [], set()
        part.append(each)
        seen.add(each.fingerprint)
    if part:
        yield part


def _first_fire_then_resolve(transition: Transition) -> tuple[bool, int, datetime, str]:
    alert = caused(transition)
    resolves = transition.state == "resolved"
    return resolves, alert.extent if resolves else -alert.extent, transition.at, transition.fingerprint
