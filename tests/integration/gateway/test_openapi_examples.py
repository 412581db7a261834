"""Each example of a request in the OpenAPI document is sent to a real gateway, and gets the documented answer."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.deployer_part import conclude
from tests.support.documented import documented
from tests.support.gateway import DEMO, Gateway
from tests.support.incident_rows import insert_incident
from tools.openapi_rules import Operation

EXAMPLE_DEPLOYMENT = "dep-0123456789ab"
SUBJECT = "248289761001"
WITHOUT_WORKER = {
    "adoptNamespace": "the deployer answers it",
    "getTenantDiff": "the deployer answers it",
    "getSystemMetrics": "the deployer answers it",
    "getSlaReport": "the monitor answers it",
    "getSlaAnalysis": "the monitor answers it",
    "listMaintenance": "the monitor answers it",
    "announceMaintenance": "the monitor answers it",
    "cancelMaintenance": "the monitor answers it",
    "openIncident": "the monitor answers it",
    "acknowledgeIncident": "the monitor answers it",
    "unacknowledgeIncident": "the monitor answers it",
    "commentOnIncident": "the monitor answers it",
    "assignIncident": "the monitor answers it",
    "changeIncidentSeverity": "the monitor answers it",
    "closeIncident": "the monitor answers it",
    "getPostMortem": "the monitor answers it",
    "listSilences": "the monitor answers it",
    "createSilence": "the monitor answers it",
    "previewSilence": "the monitor answers it",
    "getSilence": "the monitor answers it",
    "endSilence": "the monitor answers it",
    "listRecurringMaintenance": "the monitor answers it",
    "announceRecurringMaintenance": "the monitor answers it",
    "cancelRecurringMaintenance": "the monitor answers it",
    "receiveTenantAlert": "the monitor answers it",
    "getTenantReceiver": "the monitor answers it",
    "createTenantReceiver": "the monitor answers it",
    "changeTenantReceiver": "the monitor answers it",
    "removeTenantReceiver": "the monitor answers it",
    "rotateTenantReceiverSecret": "the monitor answers it",
    "testTenantReceiver": "the monitor answers it",
    "listTenantReceivers": "the monitor answers it",
    "getReceiver": "the monitor answers it",
    "createReceiver": "the monitor answers it",
    "changeReceiver": "the monitor answers it",
    "removeReceiver": "the monitor answers it",
    "rotateReceiverSecret": "the monitor answers it",
    "testReceiver": "the monitor answers it",
    "listReceivers": "the monitor answers it",
    "listTenantNotifications": "the monitor answers it",
    "replayTenantNotifications": "the monitor answers it",
    "listNotifications": "the monitor answers it",
    "replayNotifications": "the monitor answers it",
    "createAlertRule": "the monitor answers it",
    "replaceAlertRule": "the monitor answers it",
    "deleteAlertRule": "the monitor answers it",
    "testAlertRules": "the monitor answers it",
}
"""Operations of workers that don't run here: the answer is the documented 503. The others answer with success."""
OPERATIONS = sorted((each for _, each in documented()), key=lambda each: each.spec["operationId"])


async def _rendered(gateway: Gateway, tenant: dict[str, Any]) -> None:
    await gateway.eventually(f"/deployments/{tenant['deployment_id']}", phase="validating")


async def _changed(gateway: Gateway, tenant: dict[str, Any]) -> None:
    """Two manifests, so that there is one to return to."""
    await conclude(gateway, tenant)
    change = {"service_requirements": {"callbot": 20}}
    answer = await gateway.http.put(f"/tenants/{tenant['tenant_id']}", json=change, headers=DEMO)
    await conclude(gateway, answer.json())


async def _stopped(gateway: Gateway, tenant: dict[str, Any]) -> None:
    await conclude(gateway, tenant)
    answer = await gateway.http.post(f"/tenants/{tenant['tenant_id']}/stop", headers=DEMO)
    await conclude(gateway, answer.json())


async def _granted(gateway: Gateway, tenant: dict[str, Any]) -> None:
    await gateway.http.put(f"/tenants/{tenant['tenant_id']}/access/{SUBJECT}", headers=DEMO)


FIRST: Mapping[str, Callable[[Gateway, dict[str, Any]], Awaitable[None]]] = {
    "getDeploymentDiff": _rendered,
    "restartTenant": conclude,
    "revokeTenantAccess": _granted,
    "rollBackTenant": _changed,
    "startTenant": _stopped,
    "stopTenant": conclude,
}
"""What must have happened to the tenant of an example."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.spec["operationId"])
async def test_each_example_gets_the_documented_answer(gateway: Gateway, operation: Operation) -> None:
    name = operation.spec["operationId"]
    expected = 503 if name in WITHOUT_WORKER else operation.success
    for number, body in enumerate(operation.body_examples or [None]):
        known = {"tenant_id": f"example-{name.lower()}-{number}", "deployment_id": EXAMPLE_DEPLOYMENT, "window_id": "1"}
        known |= {"version": "0", "subject": SUBJECT, "silence_id": "silence-1", "recurring_id": "recurring-1"}
        known["receiver_name"] = "oncall"
        known["alert_name"] = "burn-rate-1h"
        if "{key_id}" in operation.path:
            key = await gateway.http.post("/keys", json={"name": name, "role": "admin"}, headers=DEMO)
            known["key_id"] = key.json()["id"]
        elif name != "createTenant" and ("_id}" in operation.path or "tenant_id" in json.dumps(body)):
            tenant = await gateway.create(tenant_id=known["tenant_id"])
            known["deployment_id"] = tenant["deployment_id"]
            if name in FIRST:
                await FIRST[name](gateway, tenant)
            if "{incident_id}" in operation.path:
                async with gateway.as_monitor() as connection:
                    now = datetime.now(UTC)
                    known["incident_id"] = await insert_incident(connection, known["tenant_id"], opened_at=now)
        await _send(gateway, operation, body, known, expected)


async def _send(gateway: Gateway, operation: Operation, body: Any, known: Mapping[str, str], expected: int) -> None:
    """Send an example; the ids in it become those of this test's tenant."""
    parameters = [each for each in operation.parameters if each["in"] == "query"]
    query = {each["name"]: each["schema"]["examples"][0] for each in parameters if each["schema"].get("examples")}
    query = {name: known["deployment_id"] if value == EXAMPLE_DEPLOYMENT else value for name, value in query.items()}
    if isinstance(body, dict):
        # Alertmanager's payload has a version of its own, which is no id.
        body = {name: value if name == "version" else known.get(name, value) for name, value in body.items()}
    path = f"http://127.0.0.1:{gateway.settings.port}{operation.path.format(**known)}"
    answer = await gateway.http.request(operation.method, path, params=query, json=body, headers=DEMO)
    assert answer.status_code == expected, (
        f"the example of {operation} got {answer.status_code} instead of {expected}: {answer.text[:1000]}\n"
        "If it depends on something, prepare that in FIRST; a worker that doesn't run here is named in WITHOUT_WORKER."
    )
