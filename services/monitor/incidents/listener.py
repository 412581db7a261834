"""Keeps incidents up to date in the transaction of the transitions: between silences and notifications."""

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.alerts.transition import Transition
from services.monitor.incidents import incident_store
from services.monitor.incidents.events import events_of
from services.monitor.incidents.grouping import Grouping
from services.monitor.incidents.model import Journal
from shared.events.base import Event

AddEvents = Callable[[AsyncConnection, Sequence[Event]], Awaitable[None]]
"""Adds events to the outbox, in the transaction of the connection."""
FiringAgain = Callable[[AsyncConnection, Sequence[str]], Awaitable[Sequence[Transition]]]
"""Reads alerts that fire, by their fingerprints, as the transitions that they were."""


def new_incident_id() -> str:
    """A random id such as `incident-0123456789ab`."""
    return f"incident-{secrets.token_hex(6)}"


class IncidentListener:
    """Opens, extends, merges and closes incidents."""

    def __init__(self, add_events: AddEvents, firing: FiringAgain) -> None:
        self._add_events = add_events
        self._firing = firing

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        """Group the alerts. Returns them with their marks, and the alerts that aren't inhibited any longer, or are now.

        Raises DependencyUnavailable. Alerts of a tenant that doesn't exist any longer stay without an incident.
        """
        if not transitions:
            return transitions
        row_ids = await lock_tenants(connection, {each.tenant_id for each in transitions})
        earliest = min(each.at for each in transitions)
        known = await incident_store.load(connection, row_ids.values(), earliest)
        journal = Journal()
        groups = {name: Grouping(known.get(name, ()), new_incident_id, journal) for name in row_ids}
        marked: dict[int, Transition] = {}
        changed: dict[str, set[str]] = {}
        for tenant_id, own in _by_tenant(transitions, row_ids).items():
            answers, changed[tenant_id] = groups[tenant_id].apply(own)
            marked.update(zip((id(each) for each in own), answers, strict=True))
        await self._write(connection, journal, row_ids)
        others = await self._others(connection, groups, changed)
        return [*(marked.get(id(each), each) for each in transitions), *others]

    async def _others(
        self, connection: AsyncConnection, groups: dict[str, Grouping], changed: dict[str, set[str]]
    ) -> list[Transition]:
        """Alerts that fire already and whose marks have changed."""
        fingerprints = sorted(chain.from_iterable(changed.values()))
        if not fingerprints:
            return []
        firing = await self._firing(connection, fingerprints)
        return [groups[each.tenant_id].marks_of(each) for each in firing if each.tenant_id in groups]

    async def _write(self, connection: AsyncConnection, journal: Journal, row_ids: dict[str, int]) -> None:
        await incident_store.save(connection, journal.touched.values(), row_ids)
        await incident_store.add_entries(connection, journal.entries)
        await self._add_events(connection, events_of(journal))


def _by_tenant(transitions: Iterable[Transition], known: dict[str, int]) -> dict[str, list[Transition]]:
    found: dict[str, list[Transition]] = defaultdict(list)
    for each in transitions:
        if each.tenant_id in known:
            found[each.tenant_id].append(each)
    return found
