"""What pods need and name: sums, references, and whose kind it is."""

import copy
from typing import Any

import pytest

from services.manifest.validation import ValidationOptions, validate_objects
from tests.support.tenants import CATALOG

from .faults import GOOD, by_name, found


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": spec}


def asking(cpu: int, **more: Any) -> dict[str, Any]:
    return {"name": f"c{cpu}", "image": "a:1", "resources": {"requests": {"cpu": str(cpu)}}, **more}


@pytest.mark.parametrize(
    ("containers", "initial", "needed"),
    [
        ([1, 2], [], 3),
        ([1, 2], [(8, None)], 8),
        ([1, 2], [(4, "Always")], 7),
        ([1, 2], [(4, "Always"), (8, None)], 12),
        ([1, 2], [(8, None), (4, "Always")], 8),
    ],
)
def test_sidecars_add_up_and_init_containers_run_before(
    containers: list[int], initial: list[tuple[int, str | None]], needed: int
) -> None:
    starting = [asking(cpu, **({"restartPolicy": policy} if policy else {})) for cpu, policy in initial]
    spec = pod(containers=[asking(cpu) for cpu in containers], initContainers=starting)
    verdict = validate_objects([spec], ValidationOptions(), CATALOG)
    assert verdict.resource_summary.total_cpu == f"{needed * 1000}m"


def test_what_pods_name_in_projected_volumes_and_for_pulling_images_has_to_be_there() -> None:
    sources = [{"configMap": {"name": "one"}}, {"secret": {"name": "two"}}, {"secret": {"name": "x", "optional": True}}]
    volumes = [{"name": "all", "projected": {"sources": sources}}]
    findings = found([pod(containers=[asking(1)], volumes=volumes, imagePullSecrets=[{"name": "three"}])])
    assert {each.pointer for each in findings if each.code == "REFERENCE_NOT_FOUND"} == {
        "/spec/volumes/0/projected/sources/0/configMap/name",
        "/spec/volumes/0/projected/sources/1/secret/name",
        "/spec/imagePullSecrets/0/name",
    }


def binding(role: tuple[str, str], account: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role[0],
            "name": role[1],
        },
        "subjects": [{"kind": "ServiceAccount", "name": account}],
    }


def test_a_binding_is_of_a_role_and_an_account_that_are_there() -> None:
    findings = found([binding(("Role", "missing"), "missing")])
    assert [(each.code, each.pointer) for each in findings] == [
        ("REFERENCE_NOT_FOUND", "/roleRef/name"),
        ("REFERENCE_NOT_FOUND", "/subjects/0/name"),
    ]
    assert found([binding(("ClusterRole", "view"), "default")]) == []


def test_a_template_for_claims_is_checked_although_the_api_server_takes_any() -> None:
    objects = copy.deepcopy(GOOD)
    redis = by_name(objects)["StatefulSet redis"]
    redis["spec"]["volumeClaimTemplates"][0]["spec"]["accessModes"] = ["RWO"]
    [finding] = found(objects)
    assert (finding.code, finding.pointer) == (
        "FIELD_NOT_SUPPORTED",
        "/spec/volumeClaimTemplates/0/spec/accessModes/0",
    )


def test_another_group_s_kind_does_not_replace_kubernetes_own() -> None:
    knative = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "s"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    backend = {"service": {"name": "s", "port": {"number": 81}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "i"},
        "spec": {"defaultBackend": backend},
    }
    assert "PORT_NOT_FOUND" in {each.code for each in found([knative, service, ingress])}
