"""Adoption: what becomes the tenant's, what is left alone, and that nothing but labels changes."""

from typing import Any, cast

import pytest
import yaml

from services.deployer.cluster.adoption import AdoptionPlan, changes_more_than_labels, our_labels, plan_adoption
from services.deployer.cluster.api import ClusterRefused
from services.deployer.cluster.extraction import extracted
from services.deployer.cluster.found_workloads import found_workloads
from services.deployer.preview.inspection import Inspection
from services.deployer.reconcile.adopt import AdoptedManifest, NotAdoptable
from services.deployer.state.records import ObjectRef
from shared.events import DeployCompleted, DeployFailed, Operation, TenantDeleted
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from shared.rpc import InspectRequest
from tests.support.deployer_scenario import (
    NAMESPACE,
    TENANT,
    OneTarget,
    TenantScenario,
    autoscaler,
    config_map,
    deployment,
    namespace,
)
from tests.unit.deployer.test_reconciler import kill_and_settle, steps_of

_LABELS = {f"f:{name}": {} for name in ("app", "tier")}


_CONTAINER = {
    "name": "callbot",
    "image": "callbot:1",
    "imagePullPolicy": "Always",
    "env": [{"name": "A", "value": "1"}, {"name": "INJECTED", "value": "by a webhook"}],
    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
}
_FIELDS = {
    "f:metadata": {
        "f:labels": {".": {}, **_LABELS},
        "f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}, "f:note": {}},
    },
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"callbot"}': {
                        ".": {},
                        "f:image": {},
                        "f:name": {},
                        "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
                        "f:ports": {'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                    }
                }
            }
        },
    },
}
_STATUS = {"f:status": {"f:replicas": {}}}
_REVISION = {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}}


def live_deployment() -> Obj:
    """As an API server returns one that kubectl applied, with defaults and the marks of controllers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "callbot",
            "namespace": NAMESPACE,
            "uid": "u1",
            "resourceVersion": "7",
            "generation": 3,
            "labels": {"app": "callbot", "tier": "voice"},
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "note": "kept",
                "deployment.kubernetes.io/revision": "3",
            },
            "managedFields": [
                {"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": _FIELDS},
                {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": _REVISION},
                {"manager": "other", "operation": "Update", "subresource": "status", "fieldsV1": _STATUS},
            ],
        },
        "spec": {
            "replicas": 3,
            "progressDeadlineSeconds": 600,
            "template": {"spec": {"containers": [dict(_CONTAINER)], "restartPolicy": "Always"}},
        },
        "status": {"replicas": 3, "readyReplicas": 3},
    }


def test_only_what_managers_have_set_is_taken_and_neither_defaults_nor_controllers_fields() -> None:
    container = {
        "name": "callbot",
        "image": "callbot:1",
        "env": [{"name": "A", "value": "1"}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }
    assert extracted(live_deployment()) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "callbot",
            "namespace": NAMESPACE,
            "labels": {"app": "callbot", "tier": "voice"},
            "annotations": {"note": "kept"},
        },
        "spec": {"replicas": 3, "template": {"spec": {"containers": [container]}}},
    }


def test_fields_of_several_managers_are_united_and_a_whole_one_wins() -> None:
    live: Obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "finalizers": ["a", "b"],
            "managedFields": [
                {"manager": "x", "fieldsV1": {"f:data": {".": {}, "f:one": {}}}},
                {"manager": "y", "fieldsV1": {"f:data": {}}},
            ],
        },
        "data": {"one": "1", "two": "2"},
    }
    assert extracted(live)["data"] == {"one": "1", "two": "2"}


def test_the_replicas_of_an_autoscaled_workload_stay_the_autoscaler_s() -> None:
    plan = plan_of(live_deployment(), owned(autoscaler("callbot")))
    [workload] = [each for each in plan.objects if each["kind"] == "Deployment"]
    assert "replicas" not in workload["spec"]
    assert workload["metadata"]["labels"] == {"app": "callbot", "tier": "voice", **our_labels(TENANT)}


def test_the_values_of_a_secret_stay_out_of_the_manifest() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {"token": "c2VjcmV0"},
    }
    plan = plan_of(owned(secret))
    [adopted] = [each for each in plan.objects if each["kind"] == "Secret"]
    assert adopted.keys() == {"apiVersion", "kind", "metadata"}


def test_what_we_do_not_manage_is_left_alone_with_the_reason() -> None:
    job = owned({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": NAMESPACE}})
    ingress = owned(
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i", "namespace": NAMESPACE}}
    )
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "ownerReferences": [{"uid": "x"}]}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "managedFields": []}}
    plan = plan_of(job, ingress, owned(pod), account, denied=frozenset({Kind("networking.k8s.io/v1", "Ingress")}))
    assert [(each.obj["kind"], each.reason) for each in plan.left] == [
        ("Job", "the orchestrator doesn't manage this kind"),
        ("Ingress", "deploy/kubernetes/rbac.yaml doesn't grant its kind"),
    ]
    assert [each["kind"] for each in plan.objects] == ["Namespace"]


def test_the_label_of_another_tenant_is_a_conflict() -> None:
    other = owned(config_map("c"))
    other["metadata"]["labels"] = {"ecp.ai/tenant": "other"}
    assert plan_of(other).conflicts == ("ConfigMap c: label ecp.ai/tenant is other",)


def test_labels_and_status_are_no_change_and_everything_else_is() -> None:
    live = live_deployment()
    labelled = {**live, "metadata": {**live["metadata"], "labels": {"x": "y"}}, "status": {}}
    assert not changes_more_than_labels(live, labelled)
    assert changes_more_than_labels(live, {**live, "spec": {**live["spec"], "replicas": 4}})
    annotated = {**live, "metadata": {**live["metadata"], "annotations": {"injected": "yes"}}}
    assert changes_more_than_labels(live, annotated)


def test_a_workload_is_read_from_the_container_with_its_name_and_not_from_a_sidecar() -> None:
    sidecar = {"name": "proxy", "image": "proxy:1", "env": [{"name": "B", "value": "2"}]}
    own = {
        "name": "callbot",
        "image": "callbot:1",
        "env": [
            {"name": "A", "value": "1"},
            {"name": "EMPTY"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
    }
    live = live_deployment()
    live["spec"]["template"]["spec"]["containers"] = [sidecar, own]
    [found] = found_workloads([live])
    assert (found.image, found.environment) == ("callbot:1", {"A": "1", "EMPTY": ""})
    live["metadata"]["name"] = "voice"
    [found] = found_workloads([live])
    assert found.image == "proxy:1"


def plan_of(*contents: Obj, denied: frozenset[Kind] = frozenset()) -> AdoptionPlan:
    return plan_adoption(owned(namespace()), contents, TENANT, denied)


def owned(obj: Obj, manager: str = "kubectl-client-side-apply") -> Obj:
    """With a manager that owns all of it."""
    fields = {f"f:{name}": {} for name in obj if name not in ("apiVersion", "kind", "metadata")}
    entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    return {**obj, "metadata": {**obj["metadata"], "managedFields": [entry]}}


FOREIGN = [namespace(), config_map("settings", a="1"), deployment("callbot", None), autoscaler("callbot", 1)]


async def occupied() -> TenantScenario:
    """A cluster in which another kubectl has applied a call centre."""
    scenario = TenantScenario()
    for obj in FOREIGN:
        scenario.cluster.apply_as("kubectl", obj)
    return scenario


async def adopt(scenario: TenantScenario, generation: int = 1) -> Any:
    await scenario.operate(generation, Operation.ADOPT)
    await scenario.settle()
    return scenario.events_of(f"dep-{generation}")[-1]


async def test_a_namespace_of_others_is_adopted_and_then_deployed_to_and_deleted() -> None:
    scenario = await occupied()
    before = await specs(scenario)
    done = await adopt(scenario)
    assert isinstance(done, DeployCompleted)
    assert done.message == "adopted 4 objects, which are unchanged but for labels"
    assert await specs(scenario) == before
    [text] = scenario.manifests.values()
    assert {each["kind"] for each in yaml.safe_load(text)["items"]} == {each["kind"] for each in FOREIGN}
    assert done.digest in scenario.manifests
    await scenario.desire(2, [namespace(), deployment("callbot", None), autoscaler("callbot", 1)])
    await scenario.settle()
    assert isinstance(scenario.events_of("dep-2")[-1], DeployCompleted)
    assert ("ConfigMap", "settings") not in scenario.cluster.names, "it is ours to prune"
    await scenario.desire(3)
    await scenario.settle()
    assert isinstance(scenario.events_of("dep-3")[-1], TenantDeleted)
    assert scenario.cluster.names == set()


async def test_an_inspection_tells_which_objects_others_created() -> None:
    scenario = await occupied()
    inspection = Inspection(cast(Any, OneTarget(scenario.cluster)))
    request = InspectRequest(target="fake", tenant_id=TENANT)
    found = await inspection.answer(request)
    assert found.foreign == tuple(each for each in found.adopted if not each.startswith("Namespace "))
    assert isinstance(await adopt(scenario), DeployCompleted)
    assert (await inspection.answer(request)).foreign == (), "they are the tenant's now"
    scenario.cluster.apply_as("kubectl", config_map("notes"))
    assert (await inspection.answer(request)).foreign == ("ConfigMap notes",)


async def test_an_inspection_whose_answer_would_be_too_large_is_refused_with_advice() -> None:
    scenario = await occupied()
    large = deployment("callbot")
    variable = {"name": "MODEL", "value": "x" * 2**20}
    large["spec"]["template"]["spec"]["containers"][0]["env"] = [variable]
    inspection = Inspection(cast(Any, OneTarget(scenario.cluster)))
    request = InspectRequest(target="fake", tenant_id=TENANT)
    assert (await inspection.answer(request)).exists
    scenario.cluster.apply_as("kubectl", large)
    with pytest.raises(ClusterRefused, match="ConfigMaps"):
        await inspection.answer(request)


async def test_objects_that_are_nested_too_deeply_are_not_stored() -> None:
    value: Any = "end"
    for _ in range(80):
        value = {"a": value}
    with pytest.raises(NotAdoptable, match="depth"):
        AdoptedManifest([{**config_map("deep"), "data": value}])


async def test_without_an_adoption_the_namespace_stays_refused() -> None:
    scenario = await occupied()
    await scenario.desire(1, FOREIGN)
    await scenario.settle()
    failed = scenario.events_of("dep-1")[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "NAMESPACE_NOT_OURS"


async def test_what_can_not_be_adopted_is_refused_before_anything_changes() -> None:
    scenario = TenantScenario()
    missing = await adopt(scenario)
    assert isinstance(missing, DeployFailed)
    assert (missing.code, missing.message) == ("ADOPTION_REFUSED", f"there is no Namespace {NAMESPACE} to adopt")
    scenario = await occupied()
    scenario.cluster.apply_as("kubectl", {**config_map("other"), "metadata": _of_another_tenant("other")})
    before = await specs(scenario)
    refused = await adopt(scenario)
    assert isinstance(refused, DeployFailed)
    assert "set force_conflicts" in refused.message
    assert await specs(scenario) == before
    assert await scenario.inventory() == set()
    await scenario.desire(2)
    await scenario.settle()
    assert await specs(scenario) == before, "deleting the tenant leaves what was never adopted"


async def test_a_manifest_that_is_too_large_in_bytes_is_refused_before_anything_changes() -> None:
    scenario = await occupied()
    scenario.cluster.apply_as("kubectl", config_map("large", text="가" * 400_000))
    before = await specs(scenario)
    refused = await adopt(scenario)
    assert isinstance(refused, DeployFailed)
    assert "more than 1048576 bytes as a manifest" in refused.message
    assert (await specs(scenario), scenario.manifests) == (before, {})


@pytest.mark.slow
async def test_killed_at_any_step_a_successor_finishes_the_adoption() -> None:
    async def adopting() -> TenantScenario:
        scenario = await occupied()
        await scenario.operate(1, Operation.ADOPT)
        return scenario

    for at in range(await steps_of(await adopting())):
        scenario = await adopting()
        before = await specs(scenario)
        await kill_and_settle(scenario, at)
        assert [type(each) for each in scenario.events_of("dep-1")][-1] is DeployCompleted, at
        assert sum(isinstance(each, DeployCompleted) for each in scenario.events_of("dep-1")) == 1
        assert await specs(scenario) == before


async def specs(scenario: TenantScenario) -> list[Any]:
    """What isn't metadata of every object."""
    found = []
    for kind, name in sorted(scenario.cluster.names):
        api = {"Deployment": "apps/v1", "HorizontalPodAutoscaler": "autoscaling/v2"}.get(kind, "v1")
        where = "" if kind == "Namespace" else NAMESPACE
        live = await scenario.cluster.read(ObjectRef(api_version=api, kind=kind, namespace=where, name=name))
        assert live is not None
        found.append({key: value for key, value in live.items() if key not in ("metadata", "status")})
    return found


def _of_another_tenant(name: str) -> Obj:
    return {"name": name, "namespace": NAMESPACE, "labels": {"ecp.ai/tenant": "other"}}
