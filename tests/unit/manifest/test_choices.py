"""What a tenant chose, in its manifest: each where it belongs, nothing else changed, and Kubernetes takes it."""

from typing import Any

import pytest

from services.calculator.sizing.tenant_sizing import size
from services.manifest.rendering import Platform, render, to_yaml
from services.manifest.validation import ValidationOptions, validate_objects
from shared.choices import ClusterOptions
from shared.errors import Refused
from shared.events import DeployOptions
from shared.kube.definitions import definitions
from shared.kube.objects import Obj
from shared.kube.semantics import validate
from shared.kube.validation import decode
from shared.sla import promise_of
from shared.tenants import TenantSpec
from tests.support.tenants import CATALOG, TENANTS, Tenant

SERVICES = {
    "callbot": {
        "image": "registry.example.com/bots/callbot:2.0",
        "environment": {"LOG_LEVEL": "debug", "GREETING": "안녕하세요 $(TENANT_ID)"},
        "autoscaling": {"min_replicas": 4, "max_replicas": 9, "target_cpu_percent": 55},
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "6Gi"}},
        "health": {"liveness": "/live", "readiness": "/ok"},
        "port": 9090,
    },
    "tts": {"replicas": 5, "resources": {"gpu": 2}, "health": {"startup": "/started"}},
    "chatbot": {"autoscaling": {"enabled": False}},
}
CLUSTER = {
    "registry": "mirror.example.com/ecp",
    "image_pull_secrets": ["login", "other-login"],
    "storage_class": "fast",
    "shared_storage_class": "nfs",
    "node_selector": {"pool": "voice"},
    "tolerations": [{"key": "voice", "operator": "Exists", "effect": "NoExecute", "toleration_seconds": 60}],
    "runtime_class": "kata",
    "gpu_runtime_class": "nvidia",
    "ingress": {"class_name": "haproxy", "host": "voice.example.com", "tls_secret": "voice-tls",
                "controller_namespace": "haproxy"},
    "labels": {"example.com/team": "voice"},
    "annotations": {"example.com/contact": "ops@example.com"},
}  # fmt: skip
TENANT = TENANTS["medium-with-ingress"]


def rendered(tenant: Tenant = TENANT, platform: Platform | None = None, **choices: Any) -> list[Obj]:
    spec = TenantSpec.model_validate({**tenant.spec.model_dump(), **choices})
    sizing = size(
        spec.service_requirements, spec.sla_target, tenant.preset, None, CATALOG, choices=spec.service_options
    )
    return render(spec, sizing, tenant.options, tenant.namespace, platform=platform or Platform())


def chosen() -> list[Obj]:
    return rendered(service_options=SERVICES, cluster_options=CLUSTER)


def found(objects: list[Obj], kind: str, name: str) -> Any:
    [only] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return only


def pod(objects: list[Obj], name: str, kind: str = "Deployment") -> Any:
    return found(objects, kind, name)["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", [name for name, each in TENANTS.items() if not each.services])
def test_without_a_choice_not_a_byte_of_a_manifest_changes(name: str) -> None:
    nothing = {"service_options": {each: {} for each in TENANTS[name].requirements}, "cluster_options": {"ingress": {}}}
    tenant = TENANTS[name]
    spec = TenantSpec.model_validate({**tenant.spec.model_dump(), **nothing})
    objects = render(spec, tenant.sizing, tenant.options, tenant.namespace)
    assert to_yaml(objects) == to_yaml(tenant.render())


def test_a_service_has_what_was_chosen_for_it() -> None:
    objects = chosen()
    [container] = pod(objects, "callbot")["containers"]
    assert container["image"] == "registry.example.com/bots/callbot:2.0"
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["GREETING"] == "안녕하세요 $(TENANT_ID)"
    assert (environment["TENANT_ID"], environment["LOG_LEVEL"]) == ("my-ai-service", "debug")
    assert container["resources"]["requests"]["cpu"] == "2"
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "6Gi", "ephemeral-storage": "4Gi"}
    paths = {each: container[f"{each}Probe"]["httpGet"] for each in ("liveness", "readiness", "startup")}
    assert {name: each["path"] for name, each in paths.items()} == {
        "liveness": "/live",
        "readiness": "/ok",
        "startup": "/live",
    }
    assert all(each["port"] == 9090 for each in paths.values())
    assert found(objects, "Service", "callbot-service")["spec"]["ports"][0]["targetPort"] == 9090


def test_replicas_and_the_autoscaler_have_the_chosen_bounds() -> None:
    objects = chosen()
    scaler = found(objects, "HorizontalPodAutoscaler", "callbot")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (4, 9)
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 55
    assert found(objects, "Deployment", "tts")["spec"]["replicas"] == 5
    assert not [each for each in objects if each["kind"] == "HorizontalPodAutoscaler" and "chatbot" in str(each)]
    [container] = pod(objects, "tts")["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert container["startupProbe"]["httpGet"]["path"] == "/started"


def test_the_needed_replicas_are_never_more_than_those_that_are_deployed() -> None:
    few = rendered(service_options={"callbot": {"replicas": 1}, "nlp": {"replicas": 1}})
    for need in promise_of(few).services.values():
        assert 1 <= need.needed <= need.wanted


def test_every_pod_runs_where_the_tenant_chose_and_gpu_pods_on_their_gpu_besides() -> None:
    objects = chosen()
    for name, kind in (("callbot", "Deployment"), ("redis", "StatefulSet"), ("tts", "Deployment")):
        spec = pod(objects, name, kind)
        assert spec["imagePullSecrets"] == [{"name": "login"}, {"name": "other-login"}]
        assert spec["nodeSelector"]["pool"] == "voice"
        assert spec["tolerations"][-1]["tolerationSeconds"] == 60
        assert spec["runtimeClassName"] == ("nvidia" if name == "tts" else "kata")
    assert pod(objects, "tts")["nodeSelector"]["nvidia.com/gpu.product"] == "Tesla-T4"
    assert pod(objects, "redis", "StatefulSet")["containers"][0]["image"] == (
        "mirror.example.com/ecp/redis:7.2.5-alpine"
    )
    assert pod(objects, "tts")["containers"][0]["image"].startswith("mirror.example.com/ecp/ecp-ai/tts:")


def test_storage_and_ingress_are_the_chosen_ones() -> None:
    objects = chosen()
    [template] = found(objects, "StatefulSet", "redis")["spec"]["volumeClaimTemplates"]
    assert template["spec"]["storageClassName"] == "fast"
    assert found(objects, "PersistentVolumeClaim", "stt-recordings")["spec"]["storageClassName"] == "nfs"
    ingress = found(objects, "Ingress", "ecp-entry")
    assert ingress["spec"]["ingressClassName"] == "haproxy"
    assert ingress["spec"]["tls"] == [{"hosts": ["voice.example.com"], "secretName": "voice-tls"}]
    assert ingress["spec"]["rules"][0]["host"] == "voice.example.com"
    assert "cert-manager.io/cluster-issuer" not in ingress["metadata"]["annotations"]
    assert "haproxy" in str(found(objects, "NetworkPolicy", "callbot"))


@pytest.mark.parametrize(
    ("own", "operators", "recordings"),
    [({"storage_class": "fast"}, None, "fast"), ({"storage_class": "fast"}, "nfs", "nfs"), ({}, "nfs", "nfs")],
)
def test_recordings_prefer_a_class_that_several_nodes_can_write_to(
    own: dict[str, str], operators: str | None, recordings: str
) -> None:
    objects = rendered(platform=Platform(shared_storage_class=operators), cluster_options=own)
    claim = found(objects, "PersistentVolumeClaim", "stt-recordings")
    assert claim["spec"]["storageClassName"] == recordings


def test_every_object_and_pod_has_the_chosen_labels_beside_ours() -> None:
    usual, objects = TENANT.render(), rendered(cluster_options=CLUSTER)
    for before, after in zip(usual, objects, strict=True):
        labels = before["metadata"]["labels"]
        assert after["metadata"]["labels"] == {"example.com/team": "voice", **labels}
        assert after["metadata"]["annotations"]["example.com/contact"] == "ops@example.com"
        if "template" in before.get("spec", {}):
            template = after["spec"]["template"]["metadata"]
            assert template["labels"] == {
                "example.com/team": "voice",
                **before["spec"]["template"]["metadata"]["labels"],
            }
            assert "example.com/contact" in template["annotations"]
            assert before["spec"]["selector"] == after["spec"]["selector"]
    [template] = found(objects, "StatefulSet", "redis")["spec"]["volumeClaimTemplates"]
    assert "example.com/team" not in str(template), "templates of claims are immutable"


def test_kubernetes_takes_it_and_our_checks_find_only_what_the_cluster_must_have() -> None:
    objects = chosen()
    for version in ("1.28.0", "1.37.0"):
        known = definitions(version)
        for each in objects:
            group, _, api_version = each["apiVersion"].rpartition("/")
            schema = known.for_kind(group, api_version, each["kind"])
            assert schema is not None
            decoded = decode(each, schema)
            assert decoded.unknown == ()
            assert decoded.value == each
    assert [cause for each in objects for cause in validate(each)] == []
    verdict = validate_objects(objects, ValidationOptions(simulator=True), CATALOG)
    assert verdict.valid
    assert {each.code for each in verdict.findings} == {"REFERENCE_NOT_FOUND"}
    assert {each.params["target"] for each in verdict.findings} == {"Secret login", "Secret other-login"}


def test_defaults_of_the_cluster_are_rendered_like_a_choice() -> None:
    defaults = ClusterOptions.model_validate(CLUSTER)
    spec = TENANT.spec.model_copy(update={"cluster_options": ClusterOptions().over(defaults)})
    own = TENANT.spec.model_copy(update={"cluster_options": defaults})
    assert render(spec, TENANT.sizing, DeployOptions()) == render(own, TENANT.sizing, DeployOptions())


def test_the_host_of_another_tenant_is_refused_and_the_own_one_is_not() -> None:
    def host(chosen: str) -> Any:
        objects = rendered(cluster_options={"ingress": {"host": chosen}})
        return found(objects, "Ingress", "ecp-entry")["spec"]["rules"][0]["host"]

    assert host("my-ai-service.ecp-ai.internal") == "my-ai-service.ecp-ai.internal"
    assert host("voice.my-ai-service.ecp-ai.internal") == "voice.my-ai-service.ecp-ai.internal"
    with pytest.raises(Refused, match="is the host of the tenant rival") as refused:
        host("rival.ecp-ai.internal")
    assert [each["field"] for each in refused.value.details["errors"]] == ["cluster_options.ingress.host"]
