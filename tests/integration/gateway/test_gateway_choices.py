"""What a tenant chooses for its services and its cluster: answered, stored, rendered, kept, changed and refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from embedded.postgres import PostgresServer
from shared.rpc import RoomReply, RoomRequest
from shared.subjects import Rpc
from tests.support.deployer_part import Answers, answering
from tests.support.gateway import (
    DEMO,
    Gateway,
    error_of,
    make_databases,
    running_gateway,
    running_workers,
    tenant,
    wait_until_ready,
)
from tests.support.running_bus import running_bus

CALLBOT = {
    "image": {"registry": "registry.example.com", "repository": "bots/callbot", "tag": "2.0"},
    "environment": {"LOG_LEVEL": "debug", "WORKERS": "4"},
    "autoscaling": {"min_replicas": 4, "max_replicas": 9, "target_cpu_percent": 55},
    "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
    "health": {"liveness": "/live"},
}
CLUSTER = {"node_selector": {"ecp.ai/pool": "cpu"}, "labels": {"example.com/team": "voice"}}
DEFAULTS = """
[simulator]
registry = "mirror.example.com/ecp"
image_pull_secrets = ["login"]
labels = {"example.com/cost" = "4711"}
"""


@pytest.fixture(scope="module")
async def defaulted(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with an operator's defaults."""
    directory = tmp_path_factory.mktemp("defaults")
    file = directory / "cluster.toml"
    file.write_text(DEFAULTS)
    urls = await make_databases(postgres, "choices")
    async with (
        running_bus(directory / "nats") as nats_url,
        running_workers(nats_url),
        running_gateway(nats_url=nats_url, cluster_defaults_path=Path(file), **urls) as running,
    ):
        await wait_until_ready(running)
        yield running


async def manifest_of(gateway: Gateway, tenant_id: str, **query: str) -> dict[tuple[str, str], Any]:
    answer = await gateway.http.get(f"/tenants/{tenant_id}/manifest", params=query, headers=DEMO)
    assert answer.status_code == 200, answer.text
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(answer.text)}


def pod_of(objects: dict[tuple[str, str], Any], name: str, kind: str = "Deployment") -> Any:
    return objects[kind, name]["spec"]["template"]["spec"]


async def request_of(gateway: Gateway, deployment_id: str) -> dict[str, Any]:
    """The stored event that requested a deployment."""
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    try:
        found = await connection.fetchval("SELECT request FROM deployments WHERE deployment_id = $1", deployment_id)
    finally:
        await connection.close()
    return dict(json.loads(json.loads(found)["body"]))


async def changed(gateway: Gateway, tenant_id: str, method: str = "PUT", **fields: Any) -> dict[str, Any]:
    answer = await gateway.http.request(method, f"/tenants/{tenant_id}", json=fields, headers=DEMO)
    assert answer.status_code == 202, answer.text
    return await gateway.get(f"/tenants/{tenant_id}")


async def test_what_is_chosen_is_sized_shown_and_rendered(gateway: Gateway) -> None:
    usual = await gateway.create(deploy=False)
    created = await gateway.create(service_options={"callbot": CALLBOT}, cluster_options=CLUSTER)
    assert int(created["estimated_cost"][1:-6]) > int(usual["estimated_cost"][1:-6])
    detail = await gateway.get(f"/tenants/{created['tenant_id']}")
    assert detail["service_options"] == {"callbot": CALLBOT}
    assert detail["cluster_options"] == detail["effective_cluster_options"] == CLUSTER
    [callbot] = [each for each in detail["services"] if each["service_name"] == "callbot"]
    assert callbot["image"] == "registry.example.com/bots/callbot:2.0"
    assert callbot["resources"]["cpu_request"] == "2000m"
    assert (callbot["resources"]["replicas"], callbot["resources"]["max_replicas"]) == (4, 9)
    objects = await manifest_of(gateway, created["tenant_id"])
    pod = pod_of(objects, "callbot")
    assert pod["nodeSelector"] == {"ecp.ai/pool": "cpu"}
    assert {"name": "LOG_LEVEL", "value": "debug"} in pod["containers"][0]["env"]
    assert pod["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/live"
    assert objects["HorizontalPodAutoscaler", "callbot"]["spec"]["maxReplicas"] == 9
    assert objects["Namespace", f"ecp-ai-{created['tenant_id']}"]["metadata"]["labels"]["example.com/team"] == "voice"
    status = await gateway.eventually(f"/tenants/{created['tenant_id']}/deployment-status", phase="validating")
    assert status["status"] == "deploying", "the workers rendered the same, and found it valid"


async def test_absent_choices_stay_given_ones_replace_and_null_resets(gateway: Gateway) -> None:
    created = await gateway.create(service_options={"callbot": CALLBOT}, cluster_options=CLUSTER)
    tenant_id = created["tenant_id"]
    detail = await changed(gateway, tenant_id, name="renamed")
    assert (detail["service_options"], detail["cluster_options"]) == ({"callbot": CALLBOT}, CLUSTER)
    detail = await changed(gateway, tenant_id, service_options={"chatbot": {"replicas": 3}})
    assert (detail["service_options"], detail["cluster_options"]) == ({"chatbot": {"replicas": 3}}, CLUSTER)
    deployed = await gateway.http.post(f"/tenants/{tenant_id}/deploy", json={}, headers=DEMO)
    assert deployed.status_code == 202
    assert (await gateway.get(f"/tenants/{tenant_id}"))["service_options"] == {"chatbot": {"replicas": 3}}
    detail = await changed(gateway, tenant_id, service_options=None, cluster_options=None)
    assert (detail["service_options"], detail["cluster_options"]) == ({}, {})


async def test_a_patch_changes_one_variable_and_removes_another(gateway: Gateway) -> None:
    created = await gateway.create(service_options={"callbot": CALLBOT})
    patch = {"callbot": {"environment": {"LOG_LEVEL": "info", "WORKERS": None}}}
    detail = await changed(gateway, created["tenant_id"], "PATCH", service_options=patch)
    assert detail["service_options"] == {"callbot": CALLBOT | {"environment": {"LOG_LEVEL": "info"}}}


async def test_too_few_replicas_are_accepted_with_the_consequence_in_the_caller_s_language(gateway: Gateway) -> None:
    body = tenant(service_requirements={"callbot": 200}, service_options={"callbot": {"replicas": 2}}, deploy=False)
    answer = await gateway.http.post("/tenants/", json=body, headers=DEMO | {"Accept-Language": "ko"})
    assert answer.status_code == 201
    [note] = answer.json()["notes"]
    assert "선택한 레플리카 2개" in note
    sized = await gateway.http.post(
        "/tenants/calculate-resources",
        json={"service_requirements": {"callbot": 200}, "service_options": {"callbot": {"replicas": 2}}},
        headers=DEMO,
    )
    [callbot] = [each for each in sized.json()["services"] if each["service"] == "callbot"]
    assert (callbot["replicas"], callbot["needed"], callbot["decided_by"]) == (2, 2, "chosen")
    assert "find no slot" in sized.json()["warnings"][0]


@pytest.mark.parametrize(
    ("choices", "field", "advice"),
    [
        ({"service_options": {"calbot": {}}}, "service_options.calbot", "did you mean callbot?"),
        ({"service_options": {"callbot": {"replicas": 0}}}, "service_options.callbot.replicas", "1"),
        (
            {"service_options": {"callbot": {"environment": {"TENANT_ID": "x"}}}},
            "service_options.callbot.environment",
            "TENANT_ID",
        ),
        (
            {"service_options": {"stt": {"resources": {"gpu": 1}}}},
            "service_options.stt.resources.gpu",
            "runs on cores",
        ),
        ({"cluster_options": {"labels": {"ecp.ai/tenant": "x"}}}, "cluster_options.labels", "ecp.ai/tenant"),
        ({"cluster_options": {"registry": "http://x"}}, "cluster_options.registry", "registry.example.com"),
    ],
)
async def test_a_choice_that_can_not_be_is_refused_and_changes_nothing(
    gateway: Gateway, choices: dict[str, Any], field: str, advice: str
) -> None:
    body = tenant(**choices)
    error = error_of(await gateway.http.post("/tenants/", json=body, headers=DEMO), 422, "VALIDATION_ERROR")
    assert [each["field"] for each in error["details"]["errors"]] == [field]
    assert advice in error["message"]
    assert (await gateway.http.get(f"/tenants/{body['tenant_id']}", headers=DEMO)).status_code == 404


async def test_a_deployed_tenant_keeps_its_storage_class(gateway: Gateway) -> None:
    created = await gateway.create(cluster_options={"storage_class": "fast"})
    path = f"/tenants/{created['tenant_id']}"
    answer = await gateway.http.put(path, json={"cluster_options": {"storage_class": "slow"}}, headers=DEMO)
    error = error_of(answer, 409, "CONFLICT")
    assert error["details"]["storage_class"] == "fast"
    assert (await gateway.get(path))["cluster_options"] == {"storage_class": "fast"}
    kept = {"storage_class": "fast", "runtime_class": "kata"}
    assert (await changed(gateway, created["tenant_id"], cluster_options=kept))["cluster_options"] == kept


async def test_a_host_belongs_to_one_tenant(gateway: Gateway) -> None:
    chosen = {"ingress": {"host": "voice.example.com"}}
    first = await gateway.create(cluster_options=chosen, deploy=False)
    body = tenant(cluster_options=chosen, deploy=False)
    error = error_of(await gateway.http.post("/tenants/", json=body, headers=DEMO), 409, "CONFLICT")
    assert "voice.example.com" in error["message"]
    assert (await gateway.http.get(f"/tenants/{body['tenant_id']}", headers=DEMO)).status_code == 404
    await changed(gateway, first["tenant_id"], name="renamed")
    await changed(gateway, first["tenant_id"], cluster_options=None)
    assert (await gateway.create(**body))["tenant_id"] == body["tenant_id"]


async def test_a_row_inserted_by_hand_has_no_choices_and_can_be_given_some(gateway: Gateway) -> None:
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    try:
        await connection.execute(
            "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target)"
            """ VALUES ('by-hand-choices', 'x', 'micro', '{"chatbot": 5}', '{}', '{}')"""
        )
    finally:
        await connection.close()
    detail = await gateway.get("/tenants/by-hand-choices")
    assert (detail["service_options"], detail["cluster_options"]) == ({}, {})
    detail = await changed(gateway, "by-hand-choices", service_options={"chatbot": {"replicas": 3}})
    assert detail["service_options"] == {"chatbot": {"replicas": 3}}


async def test_defaults_of_the_target_are_rendered_shown_and_not_stored(defaulted: Gateway) -> None:
    created = await defaulted.create(cluster_options=CLUSTER, service_requirements={"chatbot": 5})
    detail = await defaulted.get(f"/tenants/{created['tenant_id']}")
    assert detail["cluster_options"] == CLUSTER
    assert detail["effective_cluster_options"] == {
        "registry": "mirror.example.com/ecp",
        "image_pull_secrets": ["login"],
        "node_selector": {"ecp.ai/pool": "cpu"},
        "labels": {"example.com/cost": "4711", "example.com/team": "voice"},
    }
    [chatbot] = [each for each in detail["services"] if each["service_name"] == "chatbot"]
    objects = await manifest_of(defaulted, created["tenant_id"])
    pod = pod_of(objects, "chatbot")
    assert pod["containers"][0]["image"] == chatbot["image"]
    assert chatbot["image"].startswith("mirror.example.com/ecp/ecp-ai/chatbot:")
    assert pod["imagePullSecrets"] == [{"name": "login"}]
    requested = await request_of(defaulted, created["deployment_id"])
    assert requested["spec"]["cluster_options"]["registry"] == "mirror.example.com/ecp", "the deployment has them too"


async def test_room_is_asked_for_where_the_tenant_lets_its_pods_run(gateway: Gateway, nats_url: str) -> None:
    deployer = Answers(RoomRequest, RoomReply(target="simulator"))
    async with answering(nats_url, {Rpc.ROOM: deployer}):
        await gateway.create(
            service_options={"callbot": {"replicas": 7}},
            cluster_options={
                "node_selector": {"pool": "voice"},
                "tolerations": [{"key": "voice", "operator": "Exists", "effect": "NoExecute", "toleration_seconds": 5}],
            },
        )
    [request] = deployer.asked
    pods = {each.name: each for each in request.pods}
    assert pods["callbot"].count == 7
    assert all(each.node_selector["pool"] == "voice" for each in request.pods)
    assert pods["tts"].node_selector["nvidia.com/gpu.product"] == "Tesla-T4"
    assert pods["callbot"].tolerations == ({"key": "voice", "operator": "Exists", "effect": "NoExecute"},)
