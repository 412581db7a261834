"""The settings of a mode over REST: versions, and where each setting acts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import DEMO, Gateway, error_of

GUIDES = {
    "kubernetes": {
        "deploymentMethod": "k8s-simulator",
        "deploymentEndpoint": "http://localhost:6360",
        "simulatorUrl": "http://localhost:6390",
        "validationStrict": True,
    },
    "monitoring": {
        "monitoringStack": "custom",
        "customApiEndpoint": "http://localhost:6360/api/metrics",
        "slaTarget": 99.5,
        "realTimeMonitoring": True,
        "dataCollectionInterval": 5,
    },
}


async def put(gateway: Gateway, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await gateway.http.put("/settings", json=body, headers={**DEMO, **headers})


async def changed(gateway: Gateway, **sections: Any) -> dict[str, Any]:
    answer = await put(gateway, sections)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(autouse=True)
async def defaults(gateway: Gateway) -> AsyncIterator[None]:
    """The gateway is shared: each test begins, and other tests go on, with the defaults."""
    await gateway.reset_settings()
    yield
    await gateway.reset_settings()


async def test_what_the_guides_page_sends_is_stored_under_our_names(gateway: Gateway) -> None:
    answer = await changed(gateway, **GUIDES)
    assert answer["kubernetes"] == {
        "deployment_method": "k8s-simulator",
        "deployment_endpoint": "http://localhost:6360",
        "simulator_url": "http://localhost:6390",
        "validation_strict": True,
    }
    assert answer["monitoring"] == {
        "monitoring_stack": "custom",
        "custom_api_endpoint": "http://localhost:6360/api/metrics",
        "sla_target": "99.5%",
        "real_time_monitoring": True,
        "data_collection_interval": 5,
    }
    assert answer["notes"] == []


async def test_absent_fields_stay_and_null_resets(gateway: Gateway) -> None:
    await changed(gateway, monitoring={"sla_target": "99.9%", "monitoring_stack": "datadog"})
    answer = await changed(gateway, monitoring={"sla_target": None})
    assert (answer["monitoring"]["sla_target"], answer["monitoring"]["monitoring_stack"]) == ("99.5%", "datadog")
    answer = await changed(gateway, monitoring=None)
    assert answer["monitoring"]["monitoring_stack"] == "prometheus-grafana"


async def test_each_change_is_a_version_and_none_without_a_change(gateway: Gateway) -> None:
    first = await changed(gateway, kubernetes={"simulator_url": f"http://{uuid4().hex}.example.com"})
    again = await changed(gateway, kubernetes={"simulator_url": first["kubernetes"]["simulator_url"]})
    assert again["version"] == first["version"]
    last = await changed(gateway, kubernetes=None)
    assert last["version"] == first["version"] + 1
    history = await gateway.get("/settings/history?limit=2")
    assert [each["version"] for each in history["versions"]] == [last["version"], first["version"]]
    assert history["versions"][0]["changed_by"] == "local"
    stored = await gateway.get(f"/settings/{first['version']}")
    assert stored["kubernetes"] == first["kubernetes"]
    assert (await gateway.get("/settings/0"))["monitoring"]["sla_target"] == "99.5%"
    missing = await gateway.http.get(f"/settings/{last['version'] + 1}", headers=DEMO)
    error_of(missing, 404, "NOT_FOUND")
    audit = await gateway.get(f"/audit?request_id={history['versions'][1]['request_id']}")
    assert audit["events"][0]["after"] == {"kubernetes": {"simulator_url": first["kubernetes"]["simulator_url"]}}


async def test_a_change_over_an_older_version_is_refused(gateway: Gateway) -> None:
    read = await gateway.http.get("/settings", headers=DEMO)
    etag = read.headers["etag"]
    assert (await gateway.http.get("/settings", headers={**DEMO, "If-None-Match": etag})).status_code == 304
    body = {"kubernetes": {"simulator_url": f"http://{uuid4().hex}.example.com"}}
    assert (await put(gateway, body, **{"If-Match": etag})).status_code == 200
    other = {"kubernetes": {"simulator_url": "http://other.example.com"}}
    error = error_of(await put(gateway, other, **{"If-Match": etag}), 412, "PRECONDITION_FAILED")
    assert error["details"]["version"] == read.json()["version"] + 1
    assert (await put(gateway, other, **{"If-Match": "*"})).status_code == 200


async def test_of_concurrent_changes_over_one_version_one_succeeds(gateway: Gateway) -> None:
    etag = (await gateway.http.get("/settings", headers=DEMO)).headers["etag"]
    bodies = [{"kubernetes": {"simulator_url": f"http://{uuid4().hex}.example.com"}} for _ in range(6)]
    answers = await asyncio.gather(*(put(gateway, body, **{"If-Match": etag}) for body in bodies))
    assert sorted(each.status_code for each in answers) == [200] + [412] * 5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kubernetes": {"deployment_method": "ssh"}}, "kubernetes.deployment_method"),
        ({"kubernetes": {"simulator_url": "file:///etc/passwd"}}, "kubernetes.simulator_url"),
        ({"kubernetes": {"simulator_url": "http://user:secret@host"}}, "kubernetes.simulator_url"),
        ({"kubernetes": {"simulator_url": "http://host:99999"}}, "kubernetes.simulator_url"),
        ({"kubernetes": {"simulator_url": "javascript:alert(1)"}}, "kubernetes.simulator_url"),
        ({"monitoring": {"custom_api_endpoint": "http://a b"}}, "monitoring.custom_api_endpoint"),
        ({"monitoring": {"sla_target": 100}}, "monitoring.sla_target"),
        ({"monitoring": {"data_collection_interval": 0}}, "monitoring.data_collection_interval"),
        ({"monitoring": {"slaTarget": "much"}}, "monitoring.sla_target"),
        ({"monitoring": {"interval": 5}}, "monitoring.interval"),
        ({"security": {}}, "security"),
    ],
)
async def test_a_setting_that_can_t_be_is_refused_and_nothing_is_changed(
    gateway: Gateway, body: dict[str, Any], field: str
) -> None:
    before = await gateway.get("/settings")
    error = error_of(await put(gateway, body), 422, "VALIDATION_ERROR")
    assert [each["field"] for each in error["details"]["errors"]] == [field]
    assert await gateway.get("/settings") == before


async def test_the_sla_target_is_that_of_new_tenants_that_name_none(gateway: Gateway) -> None:
    await changed(gateway, monitoring={"sla_target": "99.95%"})
    without = await gateway.create(sla_target=...)
    partly = await gateway.create(sla_target={"response_time": "300ms"})
    named = await gateway.create(sla_target={"availability": "99.1%"})
    targets = [(await gateway.get(f"/tenants/{each['tenant_id']}"))["sla_target"] for each in (without, partly, named)]
    assert [each["availability"] for each in targets] == ["99.95%", "99.95%", "99.1%"]
    assert targets[1]["response_time"] == "300ms"


async def test_the_strictness_is_that_of_validations_that_choose_none(gateway: Gateway) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\nunknown_field: 1\n"

    async def is_valid(**choice: bool) -> bool:
        body = {"manifest_content": manifest, "check_capacity": False, **choice}
        answer = await gateway.http.post("/tenants/validate-manifest", json=body, headers=DEMO)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["valid"])

    assert not await is_valid()
    await changed(gateway, kubernetes={"validation_strict": False})
    assert await is_valid()
    assert not await is_valid(strict_validation=True)


async def test_the_deployment_method_is_the_target_of_tenants_that_name_none(gateway: Gateway) -> None:
    await changed(gateway, kubernetes={"deployment_method": "k8s-simulator"})
    created = await gateway.create()
    assert created["target"] == "simulator"
    direct = await changed(gateway, kubernetes={"deployment_method": "direct"})
    assert "no cluster of its own" in direct["notes"][0]
    assert (await gateway.create())["target"] == "simulator"
    recorded = await changed(gateway, kubernetes={"deployment_method": "argocd"})
    assert "is a record" in recorded["notes"][0]


async def test_an_unnamed_interval_is_that_of_monitoring_sockets(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]
    await changed(gateway, monitoring={"data_collection_interval": 3600})
    async with gateway.socket(f"/ws/monitoring/{tenant_id}?demo=true") as socket:
        for cpu in (1.0, 2.0):
            await gateway.http.post(f"/tenants/{tenant_id}/monitoring", json={"metrics": {"cpu": cpu}}, headers=DEMO)
        first = await socket.next()
        assert first["metrics"]["cpu"] in (1.0, 2.0)
        await socket.send({"action": "subscribe", "metrics": ["memory"], "interval": 1})
        await gateway.http.post(f"/tenants/{tenant_id}/monitoring", json={"metrics": {"memory": 3.0}}, headers=DEMO)
        # The second value of the CPU was held back: the next message is that of the new subscription.
        assert (await socket.next())["metrics"] == {"memory": 3.0}


async def test_the_modes_have_settings_of_their_own(gateway: Gateway) -> None:
    before = (await gateway.http.get("/settings")).json()
    await changed(gateway, monitoring={"sla_target": "99.99%"})
    assert (await gateway.http.get("/settings")).json() == before
