"""Replays the requests of the predecessor's page and of its examples: `page_requests.yaml` has each with its answer."""

import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.exceptions import ConnectionClosed

from tests.integration.gateway.test_gateway_lifecycle import healthy, operate
from tests.integration.gateway.test_gateway_sockets import wait_for_socket
from tests.support.deployer_part import conclude
from tests.support.gateway import DEMO, Gateway, tenant

DATA = yaml.safe_load(Path(__file__).with_name("page_requests.yaml").read_text(encoding="utf-8"))
GIVEN = {"new", "stored", "running", "stopped"}


def name_of(entry: dict[str, Any]) -> str:
    return f"{entry.get('request') or entry['path']} ({entry['from']}, {entry.get('given', 'running')})"


async def prepared(gateway: Gateway, given: str) -> dict[str, str]:
    """The ids of a tenant in this state, and of its first deployment."""
    assert given in GIVEN
    if given == "new":
        return {"tenant": tenant()["tenant_id"], "deployment": "dep-nothing"}
    created = await (gateway.create(deploy=False) if given == "stored" else healthy(gateway))
    if given == "stopped":
        await conclude(gateway, await operate(gateway, created["tenant_id"], "stop"), digest=None)
    return {"tenant": created["tenant_id"], "deployment": created["deployment_id"] or "dep-nothing"}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The data with the ids of this run."""
    text = json.dumps(value)
    for name, found in ids.items():
        text = text.replace(f"{{{name}}}", found)
    return json.loads(text)


def field_of(body: Any, path: str) -> Any:
    """`error.details.errors.0.field` of a body."""
    return reduce(
        lambda found, part: found[int(part)] if isinstance(found, list) else found[part], path.split("."), body
    )


@pytest.mark.parametrize("entry", DATA["requests"], ids=name_of)
async def test_a_request_of_the_predecessor_s_clients_is_answered(gateway: Gateway, entry: dict[str, Any]) -> None:
    entry = filled(entry, await prepared(gateway, entry["given"]))
    method, path = entry["request"].split(" ", 1)
    url = f"http://127.0.0.1:{gateway.settings.port}{path}"
    answer = await gateway.http.request(method, url, json=entry.get("body"), headers=DEMO)
    assert answer.status_code == entry["status"], answer.text
    body = answer.json()
    wanted = entry.get("answer", {})
    if isinstance(wanted, list):
        assert set(wanted) <= body.keys()
    else:
        assert {name: field_of(body, name) for name in wanted} == wanted
    for begin in entry.get("notes", ()):
        assert any(note.startswith(begin) for note in body["notes"]), body["notes"]
    if "use" in entry:
        assert body["error"]["code"] == "NOT_FOUND"
        assert body["error"]["details"]["use"] == entry["use"]
        assert entry["use"] in body["error"]["message"]


@pytest.mark.parametrize("entry", DATA["sockets"], ids=name_of)
async def test_a_socket_of_the_predecessor_s_clients_opens_or_closes_with_a_code(
    gateway: Gateway, entry: dict[str, Any]
) -> None:
    ids = await prepared(gateway, "running")
    entry = filled(entry, ids)
    async with gateway.socket(entry["path"]) as socket:
        if "closes" not in entry:
            if "/ws/monitoring/" in entry["path"]:
                await socket.send({"action": "subscribe", "metrics": ["cpu", "memory", "gpu"], "interval": 5000})
                await wait_for_socket(gateway, ids["tenant"])
                body = {"metrics": {"cpu_usage": 65.5}}
                await gateway.http.post(f"/tenants/{ids['tenant']}/monitoring", json=body, headers=DEMO)
            message = await socket.next()
            assert entry["shows"].items() <= message.items()
            return
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd.code == entry["closes"]


async def test_the_calls_that_are_named_instead_exist(gateway: Gateway) -> None:
    described = (await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/openapi.json")).json()["paths"]
    known = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    plain = str.maketrans({"<": "{", ">": "}"})
    for use in {entry["use"].translate(plain) for entry in DATA["requests"] if "use" in entry}:
        assert use.replace("{tenant}", "{tenant_id}").replace("{deployment}", "{deployment_id}") in known


def test_what_is_left_out_has_a_reason() -> None:
    assert all(entry["why"] and entry["calls"] for entry in DATA["left out"])
