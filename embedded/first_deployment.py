"""The documented AI call centre, deployed in demo mode on the first start, as anybody would: over REST and a WebSocket.

A later start tells what has become of it. A call centre that was deleted on purpose stays deleted.
"""

import asyncio
import contextlib
import json

from embedded.directory import DataDirectory
from embedded.gateway import RETRY_SECONDS, Gateway, Json
from embedded.report import ConsoleReport

TENANT_ID = "ai-call-center"
CALL_CENTRE: Json = {
    "tenant_id": TENANT_ID,
    "name": "AI 콜센터",
    "service_requirements": {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100},
    "sla_target": {"availability": "99.5%", "response_time": "150ms", "concurrent_users": 500},
    "description": "The first scenario of the integration guide, in demo mode",
}
# One key for one data directory: a POST that is sent again after an outage makes no second deployment.
IDEMPOTENCY_KEY = "first-start"

DEPLOYMENT_SECONDS = 900.0
FIRST_SLA_SECONDS = 30.0
SETTLE_SECONDS = 10.0


async def deploy_or_describe(gateway: Gateway, directory: DataDirectory, report: ConsoleReport) -> None:
    """Deploy the call centre if it never was, follow it until it runs, and print how it is.

    Raises EmbeddedError with the gateway's words when it refuses.
    """
    marker = directory.root / "first-deployment.json"
    tenant = await gateway.get(f"/tenants/{TENANT_ID}")
    if tenant is None and marker.exists():
        report.line(f"{TENANT_ID}, which the first start deployed, has been deleted since.")
        return
    if tenant is None:
        report.heading(f"The first start deploys {CALL_CENTRE['name']} ({TENANT_ID}) in demo mode")
        created = await gateway.post("/tenants/", CALL_CENTRE, idempotency_key=IDEMPOTENCY_KEY)
        marker.write_text(json.dumps(created, ensure_ascii=False), encoding="utf-8")
        await _follow(gateway, created["deployment_id"], report)
    elif tenant["status"] == "pending":
        # An earlier start began it and didn't see the end.
        status = await gateway.get(f"/tenants/{TENANT_ID}/deployment-status")
        if status is not None and status.get("deployment_id"):
            await _follow(gateway, status["deployment_id"], report)
    await _describe(gateway, report)


async def _follow(gateway: Gateway, deployment_id: str, report: ConsoleReport) -> None:
    with report.progress(TENANT_ID) as show:
        try:
            async with asyncio.timeout(DEPLOYMENT_SECONDS):
                async for update in gateway.deployment_updates(deployment_id):
                    phase = update.get("phase") or update["status"]
                    show(int(update.get("progress") or 0), phase, update.get("message") or "")
        except TimeoutError:
            report.line(f"  It has not ended after {DEPLOYMENT_SECONDS:.0f} s and goes on by itself.")


async def _settled(gateway: Gateway) -> Json | None:
    """The tenant, when its row has followed what the socket told already."""
    tenant = await gateway.get(f"/tenants/{TENANT_ID}")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            while tenant is not None and tenant["status"] == "pending":
                await asyncio.sleep(RETRY_SECONDS)
                tenant = await gateway.get(f"/tenants/{TENANT_ID}")
    return tenant


async def _describe(gateway: Gateway, report: ConsoleReport) -> None:
    tenant = await _settled(gateway)
    if tenant is None:
        return
    report.heading(f"{tenant['name']} ({TENANT_ID}, demo mode): {tenant['status']}")
    status = await gateway.get(f"/tenants/{TENANT_ID}/deployment-status") or {}
    for resource in status.get("created_resources", []):
        if resource.get("replicas"):
            report.line(f"  {resource['name']:<12} {resource['replicas']:>7} replicas  {resource['status']}")
    sessions = ", ".join(f"{count} {service}" for service, count in tenant["service_requirements"].items())
    resources = tenant["resources"]
    sizes = ", ".join(f"{resources[name]} {name}" for name in ("cpu", "memory", "gpu", "storage") if name in resources)
    report.line(f"  sessions     {sessions}")
    report.line(f"  takes        {sizes}")
    report.line(f"  SLA so far   {await _sla(gateway)}")


async def _sla(gateway: Gateway) -> str:
    """What is known of the SLA; on a first start it takes the monitor some seconds to know anything."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FIRST_SLA_SECONDS
    while loop.time() < deadline:
        sla = await gateway.get(f"/tenants/{TENANT_ID}/sla")
        if sla is not None and sla.get("availability") is not None:
            observed = f"over {sla['observed_seconds']:.0f} s" if "observed_seconds" in sla else ""
            return f"{sla['availability']:.3f} % available {observed} (target {sla['target']} %): {sla['status']}"
        await asyncio.sleep(RETRY_SECONDS)
    return f"not known yet, see {gateway.url}/api/v1/tenants/{TENANT_ID}/sla"
