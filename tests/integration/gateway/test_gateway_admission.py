"""A tenant without room on its target: refused before anything is written, queued where asked, or taken with a note."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import PermanentError
from shared.events import DeployCompleted, Phase
from shared.rpc import RoomReply, RoomRequest, Shortage, Unplaced
from shared.subjects import Rpc
from tests.support.deployer_part import Answers, answering
from tests.support.gateway import DEMO, Gateway, tenant

SHORT = RoomReply(
    target="simulator",
    short=(
        Shortage(resource="cpu", needed="4515", free="570", total="570"),
        Shortage(resource="gpu", gpu_type="Tesla-T4", needed="126", free="48", total="48"),
    ),
    unplaced=(Unplaced(workload="callbot", pods=762, replicas=1013, reason="Insufficient cpu"),),
)
ROOM = RoomReply(target="simulator")


Deployer = Answers[RoomRequest, RoomReply]


@pytest.fixture
async def deployer(nats_url: str) -> AsyncIterator[Deployer]:
    deployer = Answers(RoomRequest, ROOM)
    async with answering(nats_url, {Rpc.ROOM: deployer}):
        yield deployer


async def test_a_tenant_without_room_is_refused_and_nothing_of_it_is_written(
    gateway: Gateway, deployer: Deployer
) -> None:
    deployer.reply = SHORT
    body = tenant()
    headers = DEMO | {"Idempotency-Key": f"key-{body['tenant_id']}"}
    refused = await gateway.http.post("/tenants/", json=body, headers=headers)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (409, "INSUFFICIENT_RESOURCES")
    assert "cpu: 4515 needed, 570 free of 570; gpu of type t4: 126 needed, 48 free of 48" in error["message"]
    assert error["details"]["short"][1] == {
        **{"resource": "gpu", "gpu_type": "t4", "needed": "126", "free": "48", "total": "48"}
    }
    assert error["details"]["unplaced"][0]["workload"] == "callbot"
    assert (await gateway.http.get(f"/tenants/{body['tenant_id']}", headers=DEMO)).status_code == 404
    deployer.reply = ROOM  # the key has been used for nothing
    assert (await gateway.http.post("/tenants/", json=body, headers=headers)).status_code == 201
    deployer.reply = SHORT  # and an answered one is answered again, room or not
    assert (await gateway.http.post("/tenants/", json=body, headers=headers)).status_code == 201
    taken = await gateway.http.post("/tenants/", json=body, headers=DEMO)
    assert taken.json()["error"]["code"] == "TENANT_ALREADY_EXISTS"


async def test_what_is_asked_for_are_the_pods_of_the_sizing(gateway: Gateway, deployer: Deployer) -> None:
    created = await gateway.create(service_requirements={"callbot": 10, "tts": 10})
    [request] = deployer.asked
    assert request.tenant_id == created["tenant_id"]
    tts = next(each for each in request.pods if each.name == "tts")
    assert tts.requests["nvidia.com/gpu"] == "1"
    assert tts.node_selector["nvidia.com/gpu.product"]
    assert tts.labels == {"app": "tts"}
    cores = sum(float(pods.requests["cpu"].removesuffix("m")) * pods.count for pods in request.pods)
    assert f"{cores:.0f}m" == created["estimated_resources"]["cpu"]


async def test_a_tenant_that_is_not_deployed_needs_no_room(gateway: Gateway, deployer: Deployer) -> None:
    deployer.reply = SHORT
    created = await gateway.create(deploy=False)
    assert deployer.asked == []
    path = f"/tenants/{created['tenant_id']}"
    refused = await gateway.http.post(f"{path}/deploy", json={}, headers=DEMO)
    assert refused.json()["error"]["code"] == "INSUFFICIENT_RESOURCES"
    assert (await gateway.get(path))["generation"] == created["generation"]


async def test_a_change_without_room_leaves_the_tenant_as_it_is(gateway: Gateway, deployer: Deployer) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}"
    deployer.reply = SHORT
    change = {"service_requirements": {"callbot": 20_000}}
    refused = await gateway.http.put(path, json=change, headers=DEMO)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "INSUFFICIENT_RESOURCES")
    now = await gateway.get(path)
    assert (now["revision"], now["service_requirements"]["callbot"]) == (created["revision"], 10)
    change_and_wait = change | {"options": {"wait_for_capacity": True}}
    queued = await gateway.http.put(path, json=change_and_wait, headers=DEMO)
    assert queued.status_code == 202
    assert any("waits for room on 'simulator': cpu: 4515 needed" in note for note in queued.json()["notes"])


async def test_a_start_without_room_is_refused(gateway: Gateway, deployer: Deployer) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}"
    await gateway.publish(
        DeployCompleted(
            tenant_id=created["tenant_id"],
            deployment_id=created["deployment_id"],
            generation=created["generation"],
            target="simulator",
            digest="sha256:1",
            message="all is well",
            phase=Phase.DONE,
            progress=100,
        )
    )
    await gateway.eventually(path, status="running")
    assert (await gateway.http.post(f"{path}/stop", headers=DEMO)).status_code == 202
    deployer.reply = SHORT
    refused = await gateway.http.post(f"{path}/start", headers=DEMO)
    assert refused.json()["error"]["code"] == "INSUFFICIENT_RESOURCES"
    assert deployer.asked[-1].digest == "sha256:1"


async def test_where_room_is_not_known_the_answer_notes_it(gateway: Gateway, deployer: Deployer) -> None:
    deployer.reply = RoomReply(target="simulator", unchecked="the cluster grows by itself: Karpenter makes nodes")
    assert any("grows by itself" in note for note in (await gateway.create())["notes"])
    deployer.reply = PermanentError("no answer within 30 s", code="DEPENDENCY_UNAVAILABLE")
    assert any("was not checked: no answer" in note for note in (await gateway.create())["notes"])
