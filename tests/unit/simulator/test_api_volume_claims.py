"""Volume claims in the API: the default class, and growth only if the class allows it."""

from __future__ import annotations

from typing import Any

import pytest

from services.simulator.controllers.scheduling.volumes import STORAGE_CLASSES, standard_class
from tests.support.simulator_api import APPLY, Api
from tests.unit.simulator.cluster_harness import ClusterHarness

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
CLAIM = f"{CLAIMS}/data"
CANNOT = (
    'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized '
    "and the storageclass that provisions the pvc must support resize"
)


def claim(size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}


async def bound(api: Api, **storage_class: Any) -> None:
    """A claim of 1Gi in a cluster with one class, as the controller leaves it."""
    api.store.create(STORAGE_CLASSES, {**standard_class(), **storage_class})
    made = await api.post(CLAIMS, claim("1Gi"))
    assert made.body["spec"]["storageClassName"] == "standard"
    api.store.replace("persistentvolumeclaims", {**made.body, "status": {"phase": "Bound"}})


@pytest.mark.parametrize("expands", [False, None])
async def test_a_claim_can_t_grow_unless_its_class_allows_expansion(expands: bool | None) -> None:
    api = Api()
    await bound(api, allowVolumeExpansion=expands)
    reply = await api.request("PATCH", CLAIM, claim("2Gi"), media_type=APPLY, fieldManager="x", force="true")
    assert (reply.code, reply.body["reason"], reply.body["message"]) == (403, "Forbidden", CANNOT)
    same = await api.request("PATCH", CLAIM, claim("1024Mi"), media_type=APPLY, fieldManager="x", force="true")
    assert same.code == 200, "the same size in other words is no growth"


async def test_a_claim_grows_where_its_class_can_expand() -> None:
    api = Api()
    await bound(api)
    reply = await api.request("PATCH", CLAIM, claim("2Gi"), media_type=APPLY, fieldManager="x", force="true")
    assert (reply.code, reply.body["spec"]["resources"]["requests"]["storage"]) == (200, "2Gi")


async def test_a_claim_of_no_class_can_t_grow() -> None:
    api = Api()
    made = await api.post(CLAIMS, claim("1Gi"))
    api.store.replace("persistentvolumeclaims", {**made.body, "status": {"phase": "Bound"}})
    reply = await api.request("PATCH", CLAIM, claim("2Gi"), media_type=APPLY, fieldManager="x", force="true")
    assert reply.body["message"] == CANNOT


def test_a_volume_has_the_capacity_that_its_claim_has_grown_to() -> None:
    harness = ClusterHarness()
    harness.add("persistentvolumeclaims", {**claim("1Gi"), "metadata": {"name": "data", "namespace": "shop"}})
    harness.step(1)
    found = harness.get("persistentvolumeclaims", "data")
    assert (found["spec"]["storageClassName"], found["status"]["capacity"]) == ("standard", {"storage": "1Gi"})
    harness.change("persistentvolumeclaims", "data", resources={"requests": {"storage": "2Gi"}})
    harness.step(1)
    assert harness.get("persistentvolumeclaims", "data")["status"]["capacity"] == {"storage": "2Gi"}
