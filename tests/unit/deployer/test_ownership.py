"""Namespaces and objects of others: neither taken over for a label nor deleted with what is ours."""

from typing import Any

from services.deployer.cluster.api import ref_of
from services.deployer.cluster.ownership import describe, foreign
from services.deployer.state.records import ObjectRef
from shared.events import DeployCompleted, DeployFailed, TenantDeleted
from shared.kube.objects import Obj
from tests.support.deployer_scenario import NAMESPACE, TenantScenario, config_map, deployment, namespace

OBJECTS = [namespace(), config_map("settings"), deployment("callbot")]


def found(kind: str, name: str, *managers: str, **metadata: Any) -> Obj:
    fields = [{"manager": each, "operation": "Update", "fieldsV1": {}} for each in managers]
    return {"kind": kind, "metadata": {"name": name, "uid": f"uid-of-{name}", "managedFields": fields, **metadata}}


def test_what_the_control_plane_puts_into_each_namespace_is_not_foreign() -> None:
    objects = [
        found("ConfigMap", "kube-root-ca.crt", "kube-controller-manager"),
        found("ConfigMap", "istio-ca-root-cert", "pilot-discovery"),
        found("ServiceAccount", "default"),
        found("PersistentVolumeClaim", "data-redis-0", "kube-controller-manager"),
        found("Pod", "redis-0", "kube-controller-manager", "kubelet", "kubectl", ownerReferences=[{"kind": "X"}]),
    ]
    assert foreign(objects, []) == []


def test_an_object_without_fields_has_no_managers_and_is_foreign_all_the_same() -> None:
    empty = found("ConfigMap", "empty")
    assert foreign([empty], []) == [empty]
    assert describe([empty]) == "ConfigMap empty"


def test_what_others_made_is_foreign_whatever_its_labels() -> None:
    theirs = found("ConfigMap", "notes", "kubectl-create", labels={"ecp.ai/tenant": "acme"})
    applied = found("ConfigMap", "settings", "kubectl-edit")
    applied["metadata"]["managedFields"].append({"manager": "ecp-orchestrator", "operation": "Apply"})
    recorded = found("Secret", "key", "kubectl-edit")
    ref = ObjectRef(api_version="v1", kind="Secret", name="key", uid="uid-of-key")
    left = foreign([theirs, applied, recorded], [ref])
    assert left == [theirs]
    assert describe(left) == "ConfigMap notes (of kubectl-create)"
    assert describe([theirs] * 7).endswith(" and 2 more")


async def test_a_namespace_labelled_in_advance_is_not_adopted_and_the_reason_names_what_to_do() -> None:
    scenario = TenantScenario()
    scenario.cluster.apply_as("kubectl-label", namespace())
    scenario.cluster.apply_as("kubectl", config_map("theirs"))
    deployment_id = await scenario.desire(1, OBJECTS, on_failure="delete")
    await scenario.settle()
    failed = scenario.events_of(deployment_id)[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "NAMESPACE_NOT_OURS"
    assert "Delete the namespace or use another tenant id" in failed.message
    deletion = await scenario.desire(2)
    await scenario.settle()
    [deleted] = scenario.events_of(deletion)
    assert isinstance(deleted, TenantDeleted)
    assert deleted.message == f"deleted; Namespace {NAMESPACE} is not ours and stays"
    assert scenario.cluster.names == {("Namespace", NAMESPACE), ("ConfigMap", "theirs")}


async def test_a_namespace_that_others_made_in_the_place_of_ours_is_not_ours() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    scenario.cluster.finish_removal(ref_of(namespace()))
    scenario.cluster.apply_as("kubectl", namespace())
    deployment_id = await scenario.desire(2, OBJECTS)
    await scenario.settle()
    failed = scenario.events_of(deployment_id)[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "NAMESPACE_NOT_OURS"


async def test_a_namespace_that_lost_its_label_is_still_ours() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    live = await scenario.cluster.read(ref_of(namespace()))
    assert live is not None
    scenario.cluster.put({**live, "metadata": {**live["metadata"], "labels": {}, "managedFields": []}})
    deployment_id = await scenario.desire(2, OBJECTS)
    await scenario.settle()
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


async def test_a_deletion_stops_at_objects_of_others_and_goes_on_when_they_are_gone() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    notes = config_map("notes")
    scenario.cluster.apply_as("kubectl", notes)
    deletion = await scenario.desire(2)
    await scenario.settle()
    [failed] = scenario.events_of(deletion)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "NAMESPACE_NOT_EMPTY"
    assert "ConfigMap notes (of kubectl)" in failed.message
    assert scenario.cluster.names == {("Namespace", NAMESPACE), ("ConfigMap", "notes")}
    scenario.cluster.finish_removal(ref_of(notes))
    again = await scenario.desire(3)
    await scenario.settle()
    assert isinstance(scenario.events_of(again)[-1], TenantDeleted)
    assert scenario.cluster.names == set()


async def test_undoing_a_first_deployment_spares_a_namespace_with_objects_of_others() -> None:
    scenario = TenantScenario()
    scenario.cluster.status = {}

    def add(what: str) -> None:
        if what == "after apply Deployment":
            scenario.cluster.apply_as("kubectl", config_map("notes"))

    scenario.step = add
    deployment_id = await scenario.desire(1, OBJECTS, on_failure="delete", timeout="1s")
    await scenario.settle(timeout=0.0)
    failed = scenario.events_of(deployment_id)[-1]
    assert isinstance(failed, DeployFailed)
    assert "ConfigMap notes (of kubectl)" in failed.message
    assert scenario.cluster.names == {("Namespace", NAMESPACE), ("ConfigMap", "notes")}
