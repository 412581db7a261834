"""A real Prometheus (Debian's package): it scrapes us with the guides' configuration, and our PromQL asks it."""

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.monitor.collect.prometheus import QUERIES, Prometheus
from services.monitor.collect.scraper import Scraper
from services.monitor.publisher import ObservationPublisher
from services.monitor.settings import MonitorSettings
from shared.errors import DependencyUnavailable
from shared.events import Event, MetricsCollected, MetricsSampled
from shared.subjects import Mode
from tests.integration.test_monitor_service import FakeCluster, World, api_server, start_process, stop_process
from tests.support.gateway import make_databases, running_gateway, wait_until_ready
from tests.support.prometheus_servers import PROMETHEUS, query, running_prometheus

AMTOOL = shutil.which("amtool")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="there is no Prometheus here (apt-get install prometheus)")

# The integration guide's, with its target's address; scraped more often than every 15 s.
GUIDE = """
global:
  scrape_interval: 1s

scrape_configs:
  - job_name: 'ecp-ai-services'
    static_configs:
      - targets: ['backend:8001']
    metrics_path: '/metrics'

  - job_name: 'kubernetes-pods'
    kubernetes_sd_configs:
      - role: pod
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_ecp_ai_tenant]
        target_label: tenant_id
"""
# The production guide's optimised one, likewise.
PRODUCTION_GUIDE = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels:
    cluster: 'ecp-production'

rule_files:
- "ecp-rules.yml"

scrape_configs:
- job_name: 'ecp-orchestrator'
  scrape_interval: 1s
  static_configs:
  - targets: ['backend:8001']
  metric_relabel_configs:
  - source_labels: [__name__]
    regex: 'go_.*'
    action: drop

- job_name: 'kubernetes-pods'
  kubernetes_sd_configs:
  - role: pod
  relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    action: keep
    regex: true
  - source_labels: [__meta_kubernetes_pod_label_ecp_ai_tenant]
    target_label: tenant_id
    regex: (.+)
  - source_labels: [__meta_kubernetes_pod_container_name]
    target_label: container

- job_name: 'ecp-long-term'
  scrape_interval: 1s
  static_configs:
  - targets: ['backend:8001']
  metric_relabel_configs:
  - source_labels: [__name__]
    regex: 'ecp_tenant_(cpu|memory|gpu)_usage'
    action: keep
"""
MANIFEST = Path(__file__).parents[1] / "golden" / "call-centre.yaml"
OURS = Path(__file__).parents[2] / "deploy" / "prometheus"


def with_targets(configuration: str, gateway: str, pods: list[str]) -> dict[str, Any]:
    """A guide's configuration with addresses that are there.

    Debian's build has no discovery in Kubernetes. In its place stand the labels that it would give the pods of a
    manifest of ours; what the guide makes of them is the guide's.
    """
    found: dict[str, Any] = yaml.safe_load(configuration.replace("backend:8001", gateway))
    for job in found["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            job["static_configs"] = [
                {"targets": [target], "labels": labels}
                for target, labels in zip(pods, itertools.cycle(discovered()), strict=False)
            ]
    return found


def discovered() -> list[dict[str, str]]:
    """What the discovery finds for the pods of the first two Deployments of a manifest of ours."""
    objects = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == "Deployment"]
    return [_meta_labels(each["spec"]["template"]) for each in objects[:2]]


def _meta_labels(template: dict[str, Any]) -> dict[str, str]:
    kinds = {"label": template["metadata"]["labels"], "annotation": template["metadata"]["annotations"]}
    return {
        "__meta_kubernetes_pod_container_name": template["spec"]["containers"][0]["name"],
        **{
            f"__meta_kubernetes_pod_{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value
            for kind, pairs in kinds.items()
            for name, value in pairs.items()
        },
    }


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds, as soon as it is something."""
    async with asyncio.timeout(60):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.1)


async def test_prometheus_scrapes_the_documented_metrics_and_the_workers(
    nats_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    urls = await make_databases(postgres, f"prometheus_{uuid4().hex[:8]}")
    async with running_gateway(nats_url=nats_url, **urls) as gateway, api_server(FakeCluster()) as cluster:
        await wait_until_ready(gateway)
        world = World(MonitorSettings(nats_url=nats_url, **urls), gateway.databases)
        tenant_id = await world.tenant()
        [port] = free_ports(1)
        monitor = await start_process(world, cluster, tmp_path / "monitor.log", port=port)
        jobs = with_targets(GUIDE, f"127.0.0.1:{gateway.settings.port}", pods=[])
        jobs["scrape_configs"] += [{"job_name": "ecp-workers", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]
        try:
            async with running_prometheus(tmp_path / "prometheus", json.dumps(jobs)) as url:
                event = MetricsCollected(
                    tenant_id=tenant_id,
                    time=datetime.now(UTC),
                    values={"cpu": 61.5, "memory": 40.0, "gpu": 12.0},
                    source="test",
                )
                await gateway.publish(event)
                await gateway.get(f"/tenants/{tenant_id}")
                for name, value in (("cpu", 61.5), ("memory", 40.0), ("gpu", 12.0)):
                    expression = f'ecp_tenant_{name}_usage{{tenant_id="{tenant_id}"}}'
                    [(labels, seen)] = await eventually(partial(query, url, expression))
                    assert (labels["job"], seen) == ("ecp-ai-services", value)
                await eventually(lambda: query(url, "ecp_active_tenants_total"))
                asked = f'ecp_tenant_requests_total{{tenant_id="{tenant_id}", method="GET", status="success"}} >= 1'
                await eventually(lambda: query(url, asked))
                await eventually(lambda: query(url, 'ecp_shards_held{work="monitor.sampler", mode="demo"} == 6'))
                consumers = {
                    (consumer, mode)
                    for consumer in ("monitor-stores", "monitor-stores-slices", "monitor-takes-in-outside")
                    for mode in ("demo", "production")
                }

                async def are_all_in(name: str) -> bool:
                    found = await query(url, f'{name}{{job="ecp-workers"}}')
                    return {(each["consumer"], each["mode"]) for each, _ in found} == consumers

                for name in ("ecp_bus_lag_messages", "ecp_bus_unfinished_messages"):
                    await eventually(partial(are_all_in, name))
                handled = "ecp_bus_received_processed_messages_duration_seconds_count"
                await eventually(lambda: query(url, f'{handled}{{job="ecp-workers"}} >= 1'))
                [(_, series)] = await query(url, 'count({job="ecp-workers"})')
                assert series < 500
        finally:
            await stop_process(monitor)


class Exporter:
    """A tenant's service and a GPU exporter: ten requests a scrape, one of which fails, most of them within 0.2 s."""

    def __init__(self) -> None:
        self._scrapes = itertools.count(1)

    async def answer(self, request: web.Request) -> web.Response:
        count = 10 * next(self._scrapes)
        lines = [
            f'http_requests_total{{tenant_id="acme",code="200"}} {count * 0.9}',
            f'http_requests_total{{tenant_id="acme",code="503"}} {count * 0.1}',
            f'http_request_duration_seconds_bucket{{tenant_id="acme",le="0.1"}} {count * 0.5}',
            f'http_request_duration_seconds_bucket{{tenant_id="acme",le="0.2"}} {count}',
            f'http_request_duration_seconds_bucket{{tenant_id="acme",le="+Inf"}} {count}',
            'DCGM_FI_DEV_GPU_UTIL{exported_namespace="ecp-ai-acme",gpu="0"} 40',
            'DCGM_FI_DEV_GPU_UTIL{exported_namespace="ecp-ai-acme",gpu="1"} 60',
        ]
        return web.Response(text="\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(GUIDE, id="integration"),
        pytest.param(PRODUCTION_GUIDE, id="production", marks=pytest.mark.long),
    ],
)
async def test_every_job_of_the_guides_configurations_finds_what_it_is_for(
    guide: str, nats_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    urls = await make_databases(postgres, f"jobs_{uuid4().hex[:8]}")
    async with (
        running_gateway(nats_url=nats_url, **urls) as gateway,
        TestServer(exporter("http_requests_total 5"), host="127.0.0.1") as callbot,
        TestServer(exporter("http_requests_total 7"), host="127.0.0.1") as chatbot,
    ):
        await wait_until_ready(gateway)
        tenant_id = await World(MonitorSettings(nats_url=nats_url, **urls), gateway.databases).tenant()
        pods = [f"127.0.0.1:{each.port}" for each in (callbot, chatbot)]
        jobs = with_targets(guide, f"127.0.0.1:{gateway.settings.port}", pods)
        (tmp_path / "rules").mkdir()
        for name in jobs.get("rule_files", ()):
            shutil.copy(OURS / name, tmp_path / "rules")
        jobs["rule_files"] = [str(tmp_path / "rules" / name) for name in jobs.get("rule_files", ())]
        async with running_prometheus(tmp_path / "prometheus", json.dumps(jobs)) as url:
            names = {each["job_name"] for each in jobs["scrape_configs"]}
            up = await eventually(lambda: all_up(url, names))
            assert {labels["job"] for labels in up} == names
            found = await eventually(lambda: query_until(url, 'http_requests_total{job="kubernetes-pods"}', 2))
            assert {labels["tenant_id"] for labels, _ in found} == {
                each["__meta_kubernetes_pod_label_ecp_ai_tenant"] for each in discovered()
            }
            assert {value for _, value in found} == {5.0, 7.0}
            event = MetricsCollected(tenant_id=tenant_id, time=datetime.now(UTC), values={"cpu": 61.5}, source="test")
            await gateway.publish(event)
            usage = f'ecp_tenant_cpu_usage{{tenant_id="{tenant_id}"}}'
            seen = await eventually(lambda: query_until(url, usage, len(names) - 1))
            assert {labels["job"] for labels, _ in seen} == names - {"kubernetes-pods"}
            if "ecp-long-term" in names:
                kept = await query(url, 'count by (__name__) ({job="ecp-long-term", __name__!~"up|scrape_.*"})')
                assert {labels["__name__"] for labels, _ in kept} == {"ecp_tenant_cpu_usage"}
                assert {labels["container"] for labels, _ in found} == {
                    each["__meta_kubernetes_pod_container_name"] for each in discovered()
                }


def exporter(line: str) -> web.Application:
    """A pod that serves one line of metrics."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{line}\n")

    application = web.Application()
    application.router.add_get("/metrics", answer)
    return application


async def all_up(url: str, jobs: set[str]) -> list[dict[str, str]]:
    """The labels of every target, as soon as each of `jobs` has one and all answer."""
    found = await query(url, "up")
    is_complete = {labels["job"] for labels, _ in found} == jobs and all(value == 1 for _, value in found)
    return [labels for labels, _ in found] if is_complete else []


async def query_until(url: str, expression: str, count: int) -> list[tuple[dict[str, str], float]]:
    """What is found, as soon as `count` series are."""
    found = await query(url, expression)
    return found if len(found) >= count else []


async def test_promql_gives_latency_errors_requests_and_gpus_by_tenant(tmp_path: Path) -> None:
    application = web.Application()
    application.router.add_get("/metrics", Exporter().answer)
    async with TestServer(application, host="127.0.0.1") as exporter:
        target = f"127.0.0.1:{exporter.port}"
        jobs = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "tenants", "static_configs": [{"targets": [target]}]}],
        }
        async with running_prometheus(tmp_path / "prometheus", json.dumps(jobs)) as url:
            source = Prometheus(url)

            async def read() -> dict[str, float]:
                found = await source.read(datetime.now(UTC).timestamp())
                assert found.keys() <= {"acme"}
                values = found.get("acme", {})
                return values if values.keys() == QUERIES.keys() else {}

            values = await eventually(read)
            assert values["gpu"] == 50
            assert values["error_rate"] == pytest.approx(10, abs=0.01)
            assert values["response_time"] == pytest.approx(190, abs=1)
            assert values["error_count"] / values["request_count"] == pytest.approx(0.1)
            broken = Prometheus(url, {"gpu": QUERIES["gpu"], "wrong": "sum(", "scalar": "1"})
            assert await broken.read(datetime.now(UTC).timestamp()) == {"acme": {"gpu": 50}}
    with pytest.raises(DependencyUnavailable, match="Prometheus"):
        await source.read(datetime.now(UTC).timestamp())


async def test_values_of_prometheus_become_one_event_a_moment() -> None:
    class FakePrometheus:
        async def read(self, time: float) -> dict[str, dict[str, float]]:
            assert time % 15 == 0
            return {"acme": {"response_time": 120.0}}

    published: list[tuple[Event, str]] = []

    class FakeBus:
        async def publish(self, event: Event, *, event_id: str, **_: Any) -> None:
            published.append((event, event_id))

    now = datetime(2026, 11, 20, 12, 0, 7, tzinfo=UTC)
    publish = ObservationPublisher(Mode.PRODUCTION, FakeBus()).publish_samples
    scraper = Scraper(FakePrometheus(), publish, leads=lambda: True, now=lambda: now)
    await scraper.scrape()
    await scraper.scrape()
    (first, first_id), (_, second_id) = published
    assert isinstance(first, MetricsSampled)
    assert [(each.tenant_id, each.values) for each in first.samples] == [("acme", {"response_time": 120.0})]
    assert (first.source, first.time.second) == ("prometheus", 0)
    assert first_id == second_id


async def test_prometheus_accepts_our_configuration() -> None:
    process = await asyncio.create_subprocess_exec(
        "promtool", "check", "config", str(OURS / "prometheus.yml"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


async def test_prometheus_accepts_our_rules() -> None:
    process = await asyncio.create_subprocess_exec(
        "promtool", "check", "rules", str(OURS / "ecp-rules.yml"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert "rules found" in out.decode()


@pytest.mark.skipif(AMTOOL is None, reason="there is no amtool here (apt-get install prometheus-alertmanager)")
async def test_alertmanager_accepts_our_configuration_and_sends_tenants_that_are_down_to_us() -> None:
    file = OURS.parent / "alertmanager" / "alertmanager.yml"
    checked = await _output(str(AMTOOL), "check-config", str(file))
    assert "SUCCESS" in checked
    route = ["config", "routes", "test", f"--config.file={file}"]
    down = await _output(str(AMTOOL), *route, "alertname=ECPTenantDown", "severity=critical", "tenant_id=acme")
    other = await _output(str(AMTOOL), *route, "alertname=ECPDeadLetters", "severity=critical")
    assert (down.split(), other.split()) == (["tenant-alerts,critical-alerts"], ["critical-alerts"])


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()
