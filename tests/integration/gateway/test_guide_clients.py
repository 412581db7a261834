"""The Python clients of the integration guide run as they are printed, but for addresses and passwords.

`guide_clients` has the code, word for word. The databases and their users have the guide's names; the ports are free
ones. What a script leaves to its reader (an import, `send_alert`) is given to it by name.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from embedded.postgres import PostgresServer
from services.gateway.settings import GatewaySettings
from shared.database import Databases
from shared.database.upgrade import upgrade_one
from shared.subjects import Mode
from tests.support.gateway import Gateway, running_gateway, running_workers, wait_until_ready
from tests.support.polling import eventually
from tests.support.running_bus import running_bus
from tests.support.service_logins import make_roles

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
CLIENTS = Path(__file__).parent / "guide_clients"
OWNERS = {
    "database_url": ("ecp_orchestrator", "ecp_user", "ecp_password"),
    "demo_database_url": ("ecp_orchestrator_demo", "ecp_demo_user", "ecp_demo_password"),
}
Namespace = dict[str, Any]


@pytest.fixture(scope="module")
async def guide(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with its workers, on the guide's databases and a bus of its own."""
    urls: dict[str, Any] = {
        name: await postgres.create_database(database, user=user, password=password)
        for name, (database, user, password) in OWNERS.items()
    }
    databases = Databases(GatewaySettings(**urls), "test")
    await make_roles(postgres)
    for mode in Mode:
        await upgrade_one(databases[mode])
    await databases.dispose()
    async with (
        running_bus(tmp_path_factory.mktemp("guide-nats")) as nats_url,
        running_workers(nats_url),
        running_gateway(nats_url=nats_url, **urls) as gateway,
    ):
        await wait_until_ready(gateway)
        yield gateway


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts write files where they are, and may use no proxy for this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")


def client_code(name: str, gateway: Gateway) -> str:
    """A script of the guide with the addresses of this gateway."""
    code = (CLIENTS / f"{name}.txt").read_text(encoding="utf-8")
    database = urlsplit(gateway.settings.database_url)
    addresses = {
        "localhost:8001": f"127.0.0.1:{gateway.settings.port}",
        "'localhost'": f"'{database.hostname}'",
        "port=5434": f"port={database.port}",
        "port=5433": f"port={database.port}",
    }
    for printed, real in addresses.items():
        code = code.replace(printed, real)
    return code


async def run(name: str, gateway: Gateway, **given: Any) -> Namespace:
    """Run a script beside the gateway; its names after its end."""
    namespace: Namespace = {"__name__": "guide", **given}
    code = compile(client_code(name, gateway), name, "exec")
    await asyncio.to_thread(exec, code, namespace)
    return namespace


async def made(gateway: Gateway, tenant_id: str) -> None:
    """A production tenant of the guide, unless another test has made it."""
    if (await gateway.http.get(f"/tenants/{tenant_id}")).status_code == 404:
        await gateway.create(Mode.PRODUCTION, tenant_id=tenant_id, deploy=False)


def requirements() -> dict[str, Any]:
    """The requirements of the guide's scenario, without its comments, which JSON doesn't have."""
    text = (CLIENTS / "service_requirements.txt").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(re.sub(r"\s*//.*", "", text))
    return found


async def test_the_monitoring_client_sends_metrics_that_can_be_read_back(guide: Gateway) -> None:
    await made(guide, "my-ai-service")
    names = await run("monitoring_client", guide)
    assert names["result"]["tenant_id"] == "my-ai-service"
    assert names["result"]["accepted"] == 5
    assert names["result"]["metrics"] == {
        "cpu": 65.5,
        "memory": 78.2,
        "gpu": 85.0,
        "request_count": 1250.0,
        "response_time": 145.8,
    }


async def test_the_manifest_is_downloaded_into_a_file(
    guide: Gateway, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await made(guide, "my-ai-service")
    names = await run("download_manifest", guide)
    assert "매니페스트 저장됨: manifest.yaml" in capfd.readouterr().out
    objects = list(yaml.safe_load_all((tmp_path / "manifest.yaml").read_text(encoding="utf-8")))
    assert objects[0]["kind"] == "Namespace"
    assert objects[0]["metadata"]["name"] == "ecp-ai-my-ai-service"
    await asyncio.to_thread(names["download_manifest"], "not-there", is_demo=True)
    assert "오류: 404" in capfd.readouterr().out


async def test_a_tenant_that_the_database_client_inserts_is_listed_as_pending_and_can_be_deployed(
    guide: Gateway,
) -> None:
    names = await run("database_client", guide)
    try:
        tenant = await guide.get("/tenants/my-new-service", Mode.PRODUCTION)
        assert (tenant["status"], tenant["preset"]) == ("pending", "medium")
        assert tenant["service_requirements"] == {"chatbot": 50}
        series = await guide.get("/tenants/my-new-service/monitoring", Mode.PRODUCTION)
        assert {name: points[0]["value"] for name, points in series["metrics"].items()} == names["metrics"]
        deployed = await guide.http.post("/tenants/my-new-service/deploy")
        assert deployed.status_code == 202, deployed.text
        demo = await asyncio.to_thread(names["ECPDatabaseClient"], names["db_config"], is_demo=True)
        await asyncio.to_thread(demo.create_tenant, names["tenant_data"] | {"tenant_id": "my-demo-service"})
        demo.conn.close()
        assert (await guide.get("/tenants/my-demo-service"))["is_demo"] is True
    finally:
        names["client"].conn.close()


async def test_the_scenario_sizes_creates_and_writes_the_manifest(guide: Gateway, tmp_path: Path) -> None:
    sized = await guide.http.post("/tenants/calculate-resources", json=requirements())
    assert sized.status_code == 200, sized.text
    commands: list[str] = []
    # Not the real one: kubectl would deploy to the cluster that this machine is set up for.
    system = SimpleNamespace(system=commands.append)
    names = await run("create_and_deploy", guide, os=system, service_requirements=requirements())
    assert names["tenant_id"] == "ai-call-center-prod"
    assert names["response"].json()["preset"] == sized.json()["recommended_preset"]
    objects = list(yaml.safe_load_all((tmp_path / "deployment.yaml").read_text(encoding="utf-8")))
    services = {each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"}
    assert requirements()["service_requirements"].keys() <= services
    assert commands == ["kubectl apply -f deployment.yaml"]


async def test_the_debug_request_prints_what_the_answer_took(guide: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    import requests  # noqa: PLC0415 - as the guide's reader would have it

    await made(guide, "my-ai-service")
    await run("debug_request", guide, requests=requests, tenant_id="my-ai-service")
    printed = capfd.readouterr().out.partition("디버그 정보: ")[2].splitlines()[0]
    assert "rpc.render" in json.loads(printed)["steps_ms"]


async def test_the_socket_script_prints_metrics_and_alerts_above_the_threshold(
    guide: Gateway, capfd: pytest.CaptureFixture[str]
) -> None:
    await made(guide, "my-ai-service")
    alerts: list[tuple[str, str]] = []
    names: Namespace = {"tenant_id": "my-ai-service", "send_alert": lambda *alert: alerts.append(alert)}
    code = compile(client_code("watch_metrics", guide), "watch_metrics", "exec")
    watching = asyncio.create_task(asyncio.to_thread(exec, code, names))
    printed = ""

    async def is_printed() -> bool:
        nonlocal printed
        metrics = {"cpu_usage": 91.5, "memory_usage": 78.2, "gpu_usage": 85.0}
        answer = await guide.http.post("/tenants/my-ai-service/monitoring", json={"metrics": metrics})
        assert answer.status_code == 202, answer.text
        printed += capfd.readouterr().out
        return bool(alerts)

    try:
        await eventually(is_printed)
    finally:
        with suppress(KeyError):
            names["ws"].close()
        await watching
    printed += capfd.readouterr().out
    assert "CPU: 91.5%, Memory: 78.2%, GPU: 85.0%" in printed
    assert alerts[0] == ("CPU 사용률 높음", "my-ai-service")
