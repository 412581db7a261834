"""The availability of each tenant, by the same rules of `shared.sla` that the monitor uses.

Each slice of 5 s is sampled at its start. The Namespace's annotation and the workloads show what was deployed; earlier
samples show whether a rollout, a start or a stop is in progress. The history is in memory and starts over with the
process. The monitor's record is permanent, and the only one that knows about announced maintenance.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import structlog

from services.simulator.clock import Clock
from services.simulator.storage.store import Store
from shared.kube import labels
from shared.kube.objects import Obj, is_terminating, labels_of
from shared.sla import (
    AvailabilityHistory,
    Figures,
    Need,
    Observer,
    Span,
    WorkloadKey,
    declared_in,
    figures_of,
    is_available,
    needs_of,
    service_states,
    slice_of,
    slice_start,
)

_WORKLOADS = ("deployments.apps", "statefulsets.apps")
_AUTOSCALERS, _BUDGETS = "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy"
_log = structlog.get_logger()
_ALWAYS = Span(0, 2**62)
_DELAY = timedelta(milliseconds=20)
"""About as long as the monitor needs to read a cluster, so that both see the same state."""


class _Record:
    """The observations of one tenant."""

    def __init__(self) -> None:
        self.observer = Observer()
        self.history = AvailabilityHistory()


class AvailabilityTracker:
    """Samples the availability of the tenants of one cluster."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._records: dict[str, _Record] = {}

    def start(self) -> None:
        """Sample at the start of each slice from now on."""
        self._clock.call_at(slice_start(slice_of(self._clock.now()) + 1) + _DELAY, self._tick)

    def of(self, tenant_id: str) -> Figures | None:
        """The tenant's figures; None before it was up for the first time."""
        record = self._records.get(tenant_id)
        return figures_of(record.history.runs, _ALWAYS, now=slice_of(self._clock.now())) if record else None

    def _tick(self) -> None:
        """Sample one tenant after the other, so that a thousand of them don't delay a request."""
        namespaces: dict[str, list[Obj]] = {}
        for each in self._store.list("namespaces"):
            if (tenant_id := labels_of(each).get(labels.TENANT)) and not is_terminating(each):
                namespaces.setdefault(tenant_id, []).append(each)
        self._records = {tenant_id: self._records.get(tenant_id) or _Record() for tenant_id in namespaces}
        number = slice_of(self._clock.now())
        for tenant_id, found in namespaces.items():
            self._clock.call_soon(partial(self._try, tenant_id, self._records[tenant_id], found, number))
        self.start()

    def _try(self, tenant_id: str, record: _Record, namespaces: list[Obj], number: int) -> None:
        """Sample a tenant; if one of its objects can't be read, the tenant is unknown and the others go on."""
        try:
            self._sample(record, namespaces, number)
        except Exception:
            _log.exception("Sampling a tenant failed", action="sample", tenant_id=tenant_id)

    def _sample(self, record: _Record, namespaces: list[Obj], number: int) -> None:
        names = [each["metadata"]["name"] for each in namespaces]
        pods = self._list(["pods"], names)
        workloads = [each for each in self._list(_WORKLOADS, names) if not is_terminating(each)]
        needs = needs_of(workloads, self._list([_AUTOSCALERS], names), self._list([_BUDGETS], names))
        for namespace in namespaces:
            needs = _declared(needs, namespace)
        promise = record.observer.note(needs, workloads, pods, slice_start(number))
        up = is_available(service_states(promise, workloads, pods))
        if up is not None:
            record.history.observe(number, up=up)

    def _list(self, resources: Iterable[str], namespaces: Iterable[str]) -> list[Obj]:
        return [obj for name in namespaces for resource in resources for obj in self._store.list(resource, name)]


def _declared(needs: dict[WorkloadKey, Need], namespace: Obj) -> dict[WorkloadKey, Need]:
    """`needs` as the Namespace's annotation declares them; workloads that it doesn't list were not deployed."""
    declared = declared_in(namespace)
    if not declared:
        return needs
    others = {key: need for key, need in needs.items() if key.namespace != namespace["metadata"]["name"]}
    found = {key: needs[key]._replace(needed=k) if key in needs else Need(k, k) for key, k in declared.items()}
    return others | found
