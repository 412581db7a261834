"""From a scrape to a recovered tenant: a real Prometheus and a real Alertmanager with the files of `deploy`."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from embedded.child import until
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import api
from tests.support.prometheus_servers import (
    ALERTMANAGER,
    PROMETHEUS,
    query,
    running_alertmanager,
    running_prometheus,
)
from tools.locks import ROOT

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        PROMETHEUS is None or ALERTMANAGER is None,
        reason="there is no Prometheus or no Alertmanager (apt-get install prometheus prometheus-alertmanager)",
    ),
]
SECONDS = 240.0
TENANT = "scraped-and-down"


def alertmanager_file(gateway: str) -> str:
    """Ours, with the gateway's address, and without its waits."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    [route, _] = found["route"]["routes"]
    route |= {"group_wait": "0s", "group_interval": "1s"}
    [receiver] = [each for each in found["receivers"] if each["name"] == "tenant-alerts"]
    [webhook] = receiver["webhook_configs"]
    webhook["url"] = webhook["url"].replace("http://backend:8001", gateway)
    return yaml.safe_dump(found)


def prometheus_file(gateway: str, alertmanager: str, rules: Path) -> str:
    """One job, scraped every second, with our rule for a tenant that is down, which waits for two seconds."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "prometheus" / "ecp-rules.yml").read_text())
    [group] = found["groups"]
    [down] = [each for each in group["rules"] if "ecp_tenant_up" in each["expr"]]
    rules.write_text(yaml.safe_dump({"groups": [{"name": "down", "rules": [down | {"for": "2s"}]}]}))
    job = {"job_name": "ecp-ai-services", "static_configs": [{"targets": [gateway.removeprefix("http://")]}]}
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]},
            "scrape_configs": [job],
        }
    )


async def restarts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    body = (await client.get(f"/tenants/{TENANT}/deployments", params={"limit": 100})).json()
    return [each for each in body["deployments"] if each["operation"] == "restart"]


async def active(client: httpx.AsyncClient) -> set[tuple[str, str]]:
    """The name and the source of each active alert."""
    body = (await client.get(f"/tenants/{TENANT}/alerts/active")).json()
    return {(each["name"], each["source"]) for each in body["alerts"]}


async def remove_deployment(run: EmbeddedRun, client: httpx.AsyncClient) -> None:
    """Take a tenant's only Deployment away, as a mistake at the cluster would."""
    url = f"{run.simulator}/clusters/demo/apis/apps/v1/namespaces/ecp-ai-{TENANT}/deployments/chatbot"
    answer = await client.delete(url)
    assert answer.is_success, answer.text


async def test_a_tenant_that_prometheus_finds_down_is_restarted_once_and_its_alert_ends(
    run: EmbeddedRun, tmp_path: Path
) -> None:
    async with api(run) as client:
        body = {"tenant_id": TENANT, "name": "Scraped", "service_requirements": {"chatbot": 5}}
        assert (await client.post("/tenants/", json=body)).status_code == 201
        up = f'ecp_tenant_up{{tenant_id="{TENANT}", mode="demo"}}'
        async with (
            running_alertmanager(tmp_path / "alertmanager", alertmanager_file(run.gateway)) as alertmanager,
            running_prometheus(
                tmp_path / "prometheus", prometheus_file(run.gateway, alertmanager, tmp_path / "rules.yml")
            ) as prometheus,
        ):

            async def is_up() -> bool:
                return [value for _, value in await query(prometheus, up)] == [1.0]

            async def is_deployed() -> bool:
                # Until its deployment has ended, the deployer itself creates what is taken away.
                return (await client.get(f"/tenants/{TENANT}")).json()["status"] == "running"

            async def is_recorded() -> bool:
                return ("ECPTenantDown", "alertmanager") in await active(client)

            async def is_restarted() -> bool:
                return [each["status"] for each in await restarts(client)] == ["completed"]

            async def is_over() -> bool:
                return not {name for name, _ in await active(client)} & {"ECPTenantDown", "ECPRecoveryFailed"}

            await until(is_deployed, SECONDS, every=0.5)
            await until(is_up, SECONDS, every=0.5)
            await remove_deployment(run, client)
            await until(is_recorded, SECONDS, every=0.5)
            await until(is_restarted, SECONDS, every=0.5)
            await until(is_up, SECONDS, every=0.5)
            await until(is_over, SECONDS, every=0.5)
            assert len(await restarts(client)) == 1
        await client.delete(f"/tenants/{TENANT}")
