"""What a manifest has, and that Kubernetes takes it as it is."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.manifest.rendering import digest, render, to_yaml
from services.manifest.validation import ValidationOptions, validate_objects, validate_text
from services.manifest.validation.schema import is_custom
from shared.errors import Refused
from shared.events import DeployOptions
from shared.kube.definitions import definitions
from shared.kube.manifest_text import rank
from shared.kube.objects import Obj
from shared.kube.quantities import milli, parse
from shared.kube.semantics import validate
from shared.kube.validation import decode, missing_required
from shared.sla import declared_in, promise_of
from tests.support.examples import examples
from tests.support.tenants import CATALOG, TENANTS, Tenant, every_tenant

CALL_CENTRE = TENANTS["call-centre"]
GOLDEN = Path(__file__).parents[2] / "golden"
ALL = [pytest.param(tenant, id=name) for name, tenant in TENANTS.items()]


def of_kind(objects: list[Obj], kind: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def container(deployment: Obj) -> Obj:
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    return only


@cache
def every_object() -> tuple[Obj, ...]:
    """Each that differs, of the tenants here and of every preset with every combination of options."""
    objects = [each for tenant in (*TENANTS.values(), *every_tenant().values()) for each in tenant.render()]
    return tuple({orjson.dumps(each): each for each in objects}.values())


@pytest.mark.parametrize("version", [f"1.{minor}.0" for minor in range(28, 38)])
def test_every_field_is_known_to_kubernetes_and_written_in_its_normal_form(version: str) -> None:
    known = definitions(version)
    for each in every_object():
        group, _, api_version = each["apiVersion"].rpartition("/")
        schema = known.for_kind(group, api_version, each["kind"])
        if is_custom(group):
            assert schema is None
            continue
        assert schema is not None
        decoded = decode(each, schema)
        assert decoded.unknown == ()
        assert decoded.value == each
        assert list(missing_required(each, schema)) == []


@pytest.mark.parametrize("tenant", ALL)
def test_nothing_breaks_a_rule_that_the_schema_misses(tenant: Tenant) -> None:
    assert [cause for each in tenant.render() for cause in validate(each)] == []


@pytest.mark.parametrize("tenant", ALL)
def test_every_object_is_in_the_namespace_or_of_the_cluster_and_carries_the_documented_labels(tenant: Tenant) -> None:
    namespace, priority, *others = tenant.render()
    name = tenant.namespace or f"ecp-ai-{tenant.tenant_id}"
    assert (namespace["kind"], priority["kind"]) == ("Namespace", "PriorityClass")
    assert namespace["metadata"]["name"] == name
    assert priority["metadata"]["name"] == f"{name}-{tenant.sizing.preset}"
    for each in (namespace, priority, *others):
        labels = each["metadata"]["labels"]
        assert labels["ecp.ai/tenant"] == tenant.tenant_id
        assert labels["ecp.ai/managed-by"] == "ecp-orchestrator"
        assert labels["ecp.ai/preset"] == tenant.sizing.preset
    assert all(each["metadata"]["namespace"] == name and "app" in each["metadata"]["labels"] for each in others)


@pytest.mark.parametrize("tenant", ALL)
def test_every_reference_resolves(tenant: Tenant) -> None:
    """The validator is strict about all that an object can name; there is nothing to be found in ours."""
    verdict = validate_objects(tenant.render(), ValidationOptions(simulator=True), CATALOG)
    assert [each for each in verdict.findings if each.code != "KIND_CUSTOM"] == []
    assert verdict.valid
    assert verdict.simulator_compatible


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_reference_of_a_golden_file_resolves(file: Path) -> None:
    verdict = validate_text(file.read_text(encoding="utf-8"), ValidationOptions(simulator=True), CATALOG)
    assert [each for each in verdict.findings if each.code != "KIND_CUSTOM"] == []


def test_objects_come_in_the_order_in_which_they_are_applied() -> None:
    kinds = list(dict.fromkeys(each["kind"] for each in TENANTS["everything-optional"].render()))
    assert kinds == [
        "Namespace",
        "PriorityClass",
        "NetworkPolicy",
        "ResourceQuota",
        "LimitRange",
        "PodDisruptionBudget",
        "ServiceAccount",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "HorizontalPodAutoscaler",
        "StatefulSet",
        "Ingress",
        "ExternalSecret",
        "ServiceMonitor",
        "PrometheusRule",
    ]
    assert kinds[:-3] == sorted(kinds[:-3], key=rank)


@pytest.mark.parametrize("tenant", ALL)
def test_replicas_are_set_by_either_the_hpa_or_the_deployment(tenant: Tenant) -> None:
    objects = tenant.render()
    scalers = of_kind(objects, "HorizontalPodAutoscaler")
    deployments = of_kind(objects, "Deployment")
    for each in tenant.sizing.services:
        if CATALOG.services[each.service].autoscaled and tenant.services.get(each.service, {}).get("replicas") is None:
            assert "replicas" not in deployments[each.service]["spec"]
            spec = scalers[each.service]["spec"]
            assert (spec["minReplicas"], spec["maxReplicas"]) == (each.replicas, each.max_replicas)
        else:
            assert deployments[each.service]["spec"]["replicas"] == each.replicas
            assert each.service not in scalers


def test_a_pod_has_the_documented_environment_labels_and_probes() -> None:
    callbot = of_kind(CALL_CENTRE.render(), "Deployment")["callbot"]
    assert container(callbot)["env"] == [
        {"name": "TENANT_ID", "value": "ai-call-center-prod"},
        {"name": "SERVICE_TYPE", "value": "callbot"},
        {"name": "REDIS_URL", "value": "redis://redis-service:6379"},
    ]
    labels = callbot["spec"]["template"]["metadata"]["labels"]
    documented = {"app": "callbot", "ecp.ai/service": "callbot", "ecp.ai/tenant": "ai-call-center-prod"}
    assert documented.items() <= labels.items()
    assert container(callbot)["livenessProbe"]["httpGet"]["path"] == "/health"
    assert container(callbot)["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container(callbot)["image"].startswith("ecp-ai/callbot:")


def test_the_namespace_has_the_documented_labels_and_the_tenant_s_name() -> None:
    metadata = CALL_CENTRE.render()[0]["metadata"]
    assert metadata["name"] == "ecp-ai-ai-call-center-prod"
    assert metadata["labels"]["ecp.ai/preset"] == "large"
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert metadata["annotations"]["ecp.ai/tenant-name"] == "AI 콜센터 운영"


def test_the_replicas_that_the_promise_needs_travel_with_each_workload_and_with_the_namespace() -> None:
    objects = CALL_CENTRE.render()
    needs = {key.name: need for key, need in promise_of(objects).services.items()}
    sizings = {each.service: each for each in CALL_CENTRE.sizing.services}
    assert {name: (need.needed, need.wanted) for name, need in needs.items()} == {
        "redis": (1, 1),
        **{name: (each.needed, each.replicas) for name, each in sizings.items()},
    }
    assert any(each.needed < each.replicas for each in sizings.values())
    assert {key.name: needed for key, needed in declared_in(objects[0]).items()} == {
        name: need.needed for name, need in needs.items()
    }


def test_gpu_services_go_to_nodes_with_their_gpu_and_the_others_do_not_care() -> None:
    deployments = of_kind(CALL_CENTRE.render(), "Deployment")
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]["spec"]
        resources = container(deployment)["resources"]
        if name in {"tts", "nlp", "aicm"}:
            assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "1"
            assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "Tesla-T4"}
            assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
        else:
            assert not {"nodeSelector", "tolerations"} & pod.keys()
            assert "nvidia.com/gpu" not in resources["requests"]


@pytest.mark.parametrize("tenant", ALL)
def test_no_pod_may_more_than_it_has_to(tenant: Tenant) -> None:
    objects = tenant.render()
    for workload in (*of_kind(objects, "Deployment").values(), *of_kind(objects, "StatefulSet").values()):
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert min(pod["securityContext"][who] for who in ("runAsUser", "runAsGroup", "fsGroup")) >= 10_000
        context = container(workload)["securityContext"]
        assert context == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }


@pytest.mark.parametrize("tenant", ALL)
def test_an_update_never_takes_a_pod_away_before_its_successor_is_ready(tenant: Tenant) -> None:
    for deployment in of_kind(tenant.render(), "Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        startup = container(deployment)["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] < deployment["spec"]["progressDeadlineSeconds"]


@pytest.mark.parametrize("tenant", ALL)
def test_the_quota_has_room_for_every_autoscaler_at_its_maximum_during_an_update(tenant: Tenant) -> None:
    objects = tenant.render()
    scalers, deployments = of_kind(objects, "HorizontalPodAutoscaler"), of_kind(objects, "Deployment")
    needed = {"requests.cpu": 0, "limits.cpu": 0, "pods": 0, "requests.nvidia.com/gpu": 0}
    for name, deployment in deployments.items():
        most = scalers[name]["spec"]["maxReplicas"] if name in scalers else deployment["spec"]["replicas"]
        surge = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        count = most + (surge if isinstance(surge, int) else -(-most * int(surge.removesuffix("%")) // 100))
        resources = container(deployment)["resources"]
        needed["pods"] += count
        needed["requests.cpu"] += count * milli(resources["requests"]["cpu"])
        needed["limits.cpu"] += count * milli(resources["limits"]["cpu"])
        needed["requests.nvidia.com/gpu"] += count * int(resources["requests"].get("nvidia.com/gpu", 0))
    hard = of_kind(objects, "ResourceQuota")["ecp-tenant-quota"]["spec"]["hard"]
    for name, amount in needed.items():
        allowed = milli(hard[name]) if name.endswith("cpu") else int(hard[name])
        assert allowed > amount or amount == 0, name


def test_recordings_are_kept_on_a_volume_that_all_replicas_of_stt_share() -> None:
    objects = CALL_CENTRE.render()
    [claim] = of_kind(objects, "PersistentVolumeClaim").values()
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    stt = of_kind(objects, "Deployment")["stt"]["spec"]["template"]["spec"]
    named = [v["persistentVolumeClaim"]["claimName"] for v in stt["volumes"] if "persistentVolumeClaim" in v]
    assert named == [claim["metadata"]["name"]]


def test_another_preset_has_another_priority_class_since_a_rank_can_not_be_changed() -> None:
    small, large = (Tenant("a", {"callbot": 10}, preset=preset).render()[1] for preset in ("small", "large"))
    assert small["metadata"]["name"] != large["metadata"]["name"]
    assert small["value"] < large["value"]
    for tenant in TENANTS.values():
        pods = [each["spec"]["template"]["spec"] for each in tenant.render() if "template" in each.get("spec", {})]
        assert {pod["priorityClassName"] for pod in pods} == {tenant.render()[1]["metadata"]["name"]}


def test_nothing_that_can_not_be_changed_depends_on_how_large_a_tenant_is() -> None:
    """Another size is a change that Kubernetes takes: of each object that both have, what is there is updated."""
    for less, more in ((10, 11), (10, 400), (400, 10)):
        old, new = (Tenant("a", dict.fromkeys(CATALOG.services, many)).render() for many in (less, more))
        there = {(each["kind"], each["metadata"]["name"]): each for each in old}
        for each in new:
            before = there.get((each["kind"], each["metadata"]["name"]))
            if before is not None and each["kind"] != "PersistentVolumeClaim":
                assert validate(each, before) == []


def test_volumes_come_in_steps_so_that_few_changes_of_a_tenant_resize_one() -> None:
    def size(sessions: int) -> int:
        [claim] = of_kind(Tenant("a", {"stt": sessions}).render(), "PersistentVolumeClaim").values()
        return int(parse(claim["spec"]["resources"]["requests"]["storage"])) // 2**30

    sizes = [size(sessions) for sessions in range(1, 200)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) < 30
    storage = CATALOG.services["stt"].storage
    assert storage is not None
    for sessions, size_gib in enumerate(sizes, 1):
        needed = sessions * storage.mb_a_day * storage.days * 10**6 / 2**30
        assert needed <= size_gib <= max(1.25 * needed + 1, 1)


def test_services_may_only_call_the_services_that_they_ask() -> None:
    policies = of_kind(CALL_CENTRE.render(), "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    def peers(policy: str, direction: str, side: str) -> set[str]:
        rules = policies[policy]["spec"][direction]
        return {p["podSelector"]["matchLabels"]["app"] for rule in rules for p in rule[side] if "podSelector" in p}

    assert peers("callbot", "egress", "to") == {"stt", "tts", "nlp", "aicm", "redis"}
    assert peers("stt", "ingress", "from") == {"callbot", "advisor"}
    assert peers("stt", "egress", "to") == {"redis"}
    assert peers("redis", "ingress", "from") == set(of_kind(CALL_CENTRE.render(), "Deployment"))


def test_burn_rate_alerts_are_of_the_tenants_own_promise() -> None:
    rule = of_kind(TENANTS["everything-optional"].render(), "PrometheusRule")["ecp-ai-slo"]
    alerts = [each for group in rule["spec"]["groups"] for each in group["rules"] if "alert" in each]
    burns = [each for each in alerts if each["alert"] == "EcpTenantErrorBudgetBurn"]
    assert [each["labels"]["severity"] for each in burns] == ["page", "page", "ticket", "ticket"]
    assert "> 0.072 and" in burns[0]["expr"], "14.4 times the budget of 99.5 %"
    assert "> 0.005 and" in burns[3]["expr"]


def test_redis_is_what_the_documented_url_names() -> None:
    objects = CALL_CENTRE.render()
    service = of_kind(objects, "Service")["redis-service"]["spec"]
    redis = of_kind(objects, "StatefulSet")["redis"]["spec"]
    assert service["ports"][0]["port"] == container({"spec": redis})["ports"][0]["containerPort"] == 6379
    assert service["selector"].items() <= redis["template"]["metadata"]["labels"].items()


def test_monitoring_is_annotated_on_pods_unless_left_out() -> None:
    with_it = of_kind(CALL_CENTRE.render(), "Deployment")["stt"]["spec"]["template"]["metadata"]
    assert with_it["annotations"]["prometheus.io/scrape"] == "true"
    assert with_it["annotations"]["prometheus.io/port"] == "8080"
    without = of_kind(TENANTS["micro-without-monitoring"].render(), "Deployment")["chatbot"]
    assert list(without["spec"]["template"]["metadata"]["annotations"]) == ["ecp.ai/config-digest"]


def test_an_ingress_leads_to_what_customers_reach_and_only_if_asked_for() -> None:
    assert of_kind(CALL_CENTRE.render(), "Ingress") == {}
    assert of_kind(TENANTS["analysis-only"].render(), "Ingress") == {}
    [ingress] = of_kind(TENANTS["medium-with-ingress"].render(), "Ingress").values()
    [rule] = ingress["spec"]["rules"]
    assert rule["host"] == "my-ai-service.ecp-ai.internal"
    assert [path["path"] for path in rule["http"]["paths"]] == ["/callbot", "/chatbot", "/advisor"]


@pytest.mark.parametrize("namespace", ["Team", "a_b", "-a", "a" * 64, "a.b", "a\n", " "])
def test_a_namespace_that_kubernetes_would_refuse_is_refused(namespace: str) -> None:
    with pytest.raises(Refused) as refused:
        render(CALL_CENTRE.spec, CALL_CENTRE.sizing, DeployOptions(), namespace)
    assert refused.value.details["errors"][0]["field"] == "namespace"


@pytest.mark.parametrize(
    "namespace",
    [
        *("kube-system", "kube-public", "default", "openshift-monitoring", "ecp-system", "ecp-ai-other"),
        *("monitoring", "ingress-nginx"),
    ],
)
def test_a_namespace_of_the_cluster_its_platform_or_another_tenant_is_refused(namespace: str) -> None:
    with pytest.raises(Refused, match="allowed are 'ecp-ai-ai-call-center-prod'") as refused:
        render(CALL_CENTRE.spec, CALL_CENTRE.sizing, DeployOptions(), namespace)
    assert refused.value.details["errors"][0]["field"] == "namespace"


def test_a_sizing_of_another_catalogue_is_refused() -> None:
    first, *_ = CALL_CENTRE.sizing.services
    foreign = first.model_copy(update={"service": "telepathy", "gpu_type": "t5"})
    sizing = CALL_CENTRE.sizing.model_copy(update={"services": (foreign,)})
    with pytest.raises(Refused, match="telepathy, t5"):
        render(CALL_CENTRE.spec, sizing, DeployOptions())


@examples(20)
@given(
    st.dictionaries(st.sampled_from(list(CATALOG.services)), st.integers(1, 2000), min_size=1),
    st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?\Z"),
    st.booleans(),
    st.booleans(),
)
def test_the_same_tenant_has_the_same_digest(
    requirements: dict[str, int], tenant_id: str, monitoring: bool, ingress: bool
) -> None:
    options = DeployOptions(include_monitoring=monitoring, include_ingress=ingress)
    one = Tenant(tenant_id, requirements, options=options)
    other = Tenant(tenant_id, dict(reversed(requirements.items())), options=options)
    assert digest(to_yaml(one.render())) == digest(to_yaml(other.render()))
