"""The availability of tenants in the simulator, compared with the monitor's."""

from __future__ import annotations

from typing import Any

from services.monitor.collect.deployer_records import AppliedGeneration, AppliedRecord, promise_in
from services.monitor.collect.readings import ClusterObjects, read_tenants
from services.monitor.metric_names import AVAILABLE
from services.simulator.api.product import cluster_metrics
from services.simulator.objects import with_metadata
from shared.kube.labels import NEEDED_REPLICAS, SERVICES
from shared.kube.objects import Obj
from shared.sla import (
    SLICE_SECONDS,
    AvailabilityHistory,
    Figures,
    Promise,
    Span,
    figures_of,
    promise_of,
    services_annotation,
    slice_of,
)

from .cluster_harness import DEPLOYMENTS, ClusterHarness, deployment, namespace

TENANT, PLACE = "hotel", "ecp-ai-hotel"
LABELS = {"ecp.ai/tenant": TENANT}


def workload(name: str, replicas: int, needed: int) -> Obj:
    made = deployment(name, replicas)
    template = made["spec"]["template"]
    labelled = {**template, "metadata": {"labels": {"app": name, **LABELS}}}
    metadata = {"name": name, "namespace": PLACE, "labels": LABELS, "annotations": {NEEDED_REPLICAS: str(needed)}}
    applied = {"manager": "ecp-orchestrator", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    return {
        **made,
        "metadata": {**metadata, "managedFields": [applied]},
        "spec": {**made["spec"], "template": labelled},
    }


class Hotel:
    """A tenant on the simulator, deployed as the deployer does it, and sampled in each slice as the monitor does it."""

    def __init__(self) -> None:
        self.harness = ClusterHarness()
        self.history = AvailabilityHistory()
        self.manifests: dict[str, Promise] = {}
        self.record = AppliedRecord(outcome="completed")
        self.harness.store.create("namespaces", namespace(PLACE, **LABELS))
        self.harness.step(0.03)  # a slice is sampled when it has just begun

    def deploy(self, *workloads: Obj, operation: str | None = None) -> None:
        """Apply a manifest, and wait until it has rolled out."""
        digest = f"sha256:{len(self.manifests)}"
        self.manifests[digest] = promise_of(workloads)
        wanted = AppliedGeneration(action="deploy", operation=operation, digest=digest)
        self.record = self.record.model_copy(update={"outcome": "running", "wanted": wanted})
        self._declare(workloads)
        for each in workloads:
            self.put(each)
        self.until_rolled_out()
        self.record = self.record.model_copy(update={"outcome": "completed", "digest": digest, "stopped": False})

    def stop(self, *workloads: Obj) -> None:
        self.record = self.record.model_copy(update={"wanted": AppliedGeneration(action="stop"), "stopped": True})
        for each in workloads:
            self.put({**each, "spec": {**each["spec"], "replicas": 0}})

    def put(self, obj: Obj) -> None:
        live = self.harness.store.get(DEPLOYMENTS, PLACE, obj["metadata"]["name"])
        if live is None:
            self.harness.store.create(DEPLOYMENTS, obj)
        else:
            metadata = {**live["metadata"], **obj["metadata"]}
            self.harness.store.replace(DEPLOYMENTS, {**live, "metadata": metadata, "spec": obj["spec"]})

    def scale_by_hand(self, name: str, replicas: int) -> None:
        """What `kubectl scale` does."""
        live = self.harness.store.get(DEPLOYMENTS, PLACE, name)
        assert live is not None
        fields = {"f:spec": {"f:replicas": {}}}
        owners: list[dict[str, Any]] = [
            {"manager": "ecp-orchestrator", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "fieldsV1": fields},
        ]
        scaled = {**live, "spec": {**live["spec"], "replicas": replicas}}
        self.harness.store.replace(DEPLOYMENTS, with_metadata(scaled, managedFields=owners))

    def delete(self, resource: str, name: str) -> None:
        self.harness.store.delete(resource, PLACE, name)

    def pass_slices(self, count: int) -> None:
        for _ in range(count):
            self.harness.step(SLICE_SECONDS)
            self.sample()

    def until_rolled_out(self) -> None:
        for _ in range(60):
            self.pass_slices(1)
            if all(map(_is_rolled_out, self.harness.store.list(DEPLOYMENTS, PLACE))):
                return
        raise AssertionError("not rolled out after five minutes")

    def figures(self) -> tuple[Figures | None, Figures | None]:
        """The simulator's and the monitor's."""
        now = slice_of(self.harness.clock.now())
        theirs = figures_of(self.history.runs, Span(0, 2**62), now=now)
        return self.harness.cluster.availability.of(TENANT), theirs

    def _declare(self, workloads: tuple[Obj, ...]) -> None:
        live = self.harness.store.get("namespaces", "", PLACE)
        assert live is not None
        self.harness.store.replace("namespaces", with_metadata(live, annotations=_declared(workloads)))

    def sample(self) -> None:
        store = self.harness.store
        state = ClusterObjects(pods=store.list("pods", PLACE), deployments=store.list(DEPLOYMENTS, PLACE))
        promise = promise_in(self.record, self.manifests.get)
        assert promise is not None
        available = read_tenants(state, {TENANT: promise})[TENANT].values.get(AVAILABLE)
        if available is not None:
            self.history.observe(slice_of(self.harness.clock.now()), up=available > 0)


def _declared(workloads: tuple[Obj, ...]) -> dict[str, str]:
    return {SERVICES: services_annotation(workloads)}


def _is_rolled_out(live: Obj) -> bool:
    status, replicas = live.get("status") or {}, live["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    return status.get("observedGeneration") == live["metadata"]["generation"] and all(
        status.get(count, 0) == replicas for count in counts
    )


def running() -> Hotel:
    hotel = Hotel()
    hotel.deploy(workload("web", 3, 2), workload("api", 2, 1))
    hotel.pass_slices(4)
    return hotel


def test_downtime_counts_from_the_first_time_that_everything_was_up() -> None:
    hotel = Hotel()
    assert hotel.harness.cluster.availability.of(TENANT) is None
    hotel.deploy(workload("web", 1, 1))
    hotel.pass_slices(20)
    hotel.harness.step(4)
    [pod] = hotel.harness.store.list("pods", PLACE)
    hotel.delete("pods", pod["metadata"]["name"])
    hotel.harness.step(1)
    hotel.sample()
    hotel.pass_slices(12)
    ours, theirs = hotel.figures()
    assert ours == theirs
    assert ours is not None
    assert len(ours.failures) == 1
    assert 5 <= ours.down_seconds <= 15


def test_a_deployment_that_is_deleted_or_scaled_to_zero_by_hand_is_down_until_it_is_back() -> None:
    hotel = running()
    hotel.delete(DEPLOYMENTS, "api")
    hotel.pass_slices(6)
    found = hotel.harness.cluster.availability.of(TENANT)
    assert found is not None
    assert (found.is_up, found.down_seconds) == (False, 30)
    hotel.put(workload("api", 2, 1))
    hotel.until_rolled_out()
    hotel.scale_by_hand("web", 0)
    hotel.pass_slices(6)
    hotel.put(workload("web", 3, 2))
    hotel.until_rolled_out()
    ours, theirs = hotel.figures()
    assert ours == theirs
    assert ours is not None
    assert len(ours.failures) == 2
    assert ours.unknown_seconds == 0


def test_scaling_up_and_down_and_stopping_and_starting_are_no_downtime_in_either_figure() -> None:
    hotel = running()
    larger, api = workload("web", 6, 5), workload("api", 2, 1)
    hotel.deploy(larger, api)
    hotel.pass_slices(2)
    hotel.deploy(workload("web", 2, 1), api)
    hotel.pass_slices(2)
    hotel.stop(workload("web", 2, 1), api)
    hotel.pass_slices(12)
    hotel.deploy(workload("web", 2, 1), api, operation="start")
    hotel.pass_slices(2)
    ours, theirs = hotel.figures()
    assert ours == theirs
    assert ours is not None
    assert (ours.down_seconds, ours.availability) == (0, 100.0)
    assert ours.unknown_seconds >= 60


def test_a_tenant_s_metrics_show_the_same_figure() -> None:
    hotel = running()
    hotel.delete(DEPLOYMENTS, "api")
    hotel.pass_slices(6)
    _, theirs = hotel.figures()
    found = cluster_metrics.tenant_metrics(hotel.harness.cluster, TENANT)
    assert found is not None
    assert theirs is not None
    assert theirs.availability is not None
    assert found["sla_data"]["availability"] == round(theirs.availability, 4)
    assert (found["sla_data"]["downtime_minutes"], found["sla_data"]["failure_count"]) == (0.5, 1)


def test_a_tenant_with_an_object_that_can_not_be_read_stops_nothing() -> None:
    hotel = running()
    strange = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": "many"}}
    metadata = {"name": "strange", "namespace": PLACE}
    selector = {"matchLabels": LABELS}
    spec = {**strange["spec"], "selector": selector}  # type: ignore[dict-item]
    live = hotel.harness.store.get(DEPLOYMENTS, PLACE, "web")
    assert live is not None
    hotel.harness.store.replace(DEPLOYMENTS, with_metadata(live, annotations=None))
    hotel.harness.store.create("poddisruptionbudgets.policy", {**strange, "metadata": metadata, "spec": spec})
    before = hotel.harness.cluster.availability.of(TENANT)
    hotel.harness.step(60)
    after = hotel.harness.cluster.availability.of(TENANT)
    assert before is not None
    assert after is not None
    assert after.observed_seconds == before.observed_seconds


def test_what_is_left_out_of_a_new_revision_and_deleted_is_promised_no_longer() -> None:
    hotel = running()
    hotel.deploy(workload("web", 3, 2))
    hotel.delete(DEPLOYMENTS, "api")
    hotel.pass_slices(6)
    ours, theirs = hotel.figures()
    assert ours == theirs
    assert ours is not None
    assert ours.down_seconds == 0
