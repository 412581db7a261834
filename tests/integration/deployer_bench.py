"""A bench for the deployer: a NATS server of its own, the real simulator as its cluster, and the published events.

With the shared server, it would deploy whatever other tests leave there.
"""

import asyncio
import hashlib
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import nats
import orjson
import yaml
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from embedded.accounts import OUR_ACCOUNT, nats_accounts, passwords
from embedded.nats import NatsServer
from embedded.ports import free_ports
from services.deployer.app import build
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.deployer.settings import DeployerSettings
from services.deployer.state.records import ObjectRef
from shared.bus import Worker, encode
from shared.bus.bootstrap import bootstrap
from shared.events import (
    EVENTS,
    DeployEvent,
    DeploymentContext,
    DeployOptions,
    Event,
    ManifestRendered,
    Operation,
    OperationRequested,
    Phase,
    TenantDeleted,
)
from shared.kube.client import connect
from shared.kube.kinds import KINDS, Kind
from shared.kube.objects import Obj
from shared.subjects import Bucket, Mode, manifest_key, stream_behind
from tests.support.simulator_process import running_simulator
from tools.kubernetes_rbac import FILE as RBAC

MODE = Mode.DEMO
LEASE_SECONDS = 3.0
TIMEOUT = 60.0


def free_port() -> int:
    return free_ports(1)[0]


def manifest(tenant: str, *services: str, fail: str | None = None, image: str = "1.0", **pod: Any) -> str:
    """A namespace, and a Deployment, a Service and an HPA (2 to 4 replicas) for each of `services`.

    `pod` is merged into the specification of their pods.
    """
    namespace = f"ecp-ai-{tenant}"
    objects: list[Obj] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"ecp.ai/tenant": tenant}},
        }
    ]
    for service in services:
        labels = {"app": service}
        requests = {"cpu": "100m", "memory": "64Mi"}
        container = {"name": service, "image": f"ecp-ai/{service}:{image}", "resources": {"requests": requests}}
        annotations = {"simulator.ecp.ai/fail": fail} if fail else {}
        template = {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {"containers": [container], **pod},
        }
        objects += [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": service, "namespace": namespace},
                "spec": {"selector": {"matchLabels": labels}, "template": template},
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": f"{service}-service", "namespace": namespace},
                "spec": {"selector": labels, "ports": [{"port": 80}]},
            },
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": service, "namespace": namespace},
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service},
                    "minReplicas": 2,
                    "maxReplicas": 4,
                },
            },
        ]
    return yaml.safe_dump_all(objects)


@dataclass
class Bench:
    """What a test uses: the bus, the events that were published on it, and the cluster."""

    nats_url: str
    simulator_url: str
    client: Client
    cluster: KubernetesAdapter
    by_https: dict[str, Any] = field(default_factory=dict)
    """A deployer's settings to use the simulator by HTTPS, with the rights of deploy/kubernetes/rbac.yaml only."""
    received: list[tuple[str, Event]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self, **changes: Any) -> DeployerSettings:
        impatient: dict[str, Any] = {"failure_grace": 1.0, "takeover_interval": 0.2}
        urls = {"nats_url": self.nats_url, "k8s_simulator_url": self.simulator_url}
        return DeployerSettings(**urls | impatient | changes)

    @asynccontextmanager
    async def deployer(self, **changes: Any) -> AsyncIterator[Worker]:
        worker = build(self.settings(**changes))
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop()

    async def receive(self, message: Msg) -> None:
        event = EVENTS[message.subject.removeprefix("demo.")].model_validate_json(message.data)
        self.received.append(((message.headers or {})["ce-id"], event))
        self.changed.set()

    def of(self, deployment_id: str) -> list[Event]:
        return [event for _, event in self.received if id_of(event) == deployment_id]

    async def until(self, wanted: Callable[[], bool], seconds: float = TIMEOUT) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not wanted():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError("; ".join(f"{type(e).__name__} {e}" for _, e in self.received[-5:])) from None

    async def until_published(self, deployment_id: str, kind: type[Event]) -> list[Event]:
        """All events of a deployment, once one of `kind` was published."""
        await self.until(lambda: any(isinstance(event, kind) for event in self.of(deployment_id)))
        return self.of(deployment_id)

    async def publish(self, event: Event, name: str) -> None:
        encoded = encode(event, mode=MODE, event_id=name, correlation_id=f"req-{name}", source="gateway")
        await self.client.jetstream().publish(encoded.subject, encoded.body, headers=encoded.headers)

    async def deploy(self, tenant: str, generation: int, text: str, target: str = "simulator", **options: Any) -> str:
        """Publish manifest.rendered; returns the deployment's id."""
        digest = digest_of(text)
        bucket = await self.client.jetstream().key_value(MODE.bucket(Bucket.MANIFESTS))
        await bucket.put(manifest_key(digest), text.encode())
        context = self.context(tenant, generation, target, **options)
        await self.publish(
            ManifestRendered(tenant_id=tenant, deployment=context, digest=digest, summary={}), context.deployment_id
        )
        return context.deployment_id

    async def operate(
        self,
        tenant: str,
        generation: int,
        operation: Operation,
        target: str = "simulator",
        *,
        again: bool = False,
        **fields: Any,
    ) -> str:
        """Publish operation.requested, `again` as another message with the same id; returns the deployment's id."""
        context = self.context(tenant, generation, target)
        event = OperationRequested(tenant_id=tenant, operation=operation, deployment=context, **fields)
        await self.publish(event, f"{context.deployment_id}{'-again' if again else ''}")
        return context.deployment_id

    def context(self, tenant: str, generation: int, target: str, **options: Any) -> DeploymentContext:
        return DeploymentContext(
            deployment_id=f"dep-{tenant}-{generation}",
            generation=generation,
            target=target,
            options=DeployOptions(**options),
        )

    async def read(self, kind: str, tenant: str, name: str, api_version: str = "v1") -> Obj | None:
        namespace = "" if kind == "Namespace" else f"ecp-ai-{tenant}"
        return await self.cluster.read(ObjectRef(api_version=api_version, kind=kind, namespace=namespace, name=name))


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def id_of(event: Event) -> str:
    return event.deletion_id if isinstance(event, TenantDeleted) else getattr(event, "deployment_id", "")


@asynccontextmanager
async def running_bench(directory: Path, *, has_rbac: bool = False) -> AsyncIterator[Bench]:
    """Everything but a deployer, which has no more rights than it needs. Leases are short: a takeover takes seconds.

    With `has_rbac` the simulator has HTTPS, too, and RBAC there; `Bench.by_https` are the deployer's settings for it.
    """
    secrets = passwords(directory / "passwords.json")
    accounts = nats_accounts(secrets)
    accounts[OUR_ACCOUNT]["users"].append({"user": "test", "password": "test"})
    server = NatsServer(directory / "nats", authorization=f"accounts: {json.dumps(accounts)}\n", durable=False)
    await server.start()
    try:
        port, https_port = free_ports(2)
        state = {"SIMULATOR_HTTPS_PORT": str(https_port), "SIMULATOR_STATE_DIRECTORY": str(directory / "state")}
        more = {**state, "SIMULATOR_RBAC": "on"} if has_rbac else {}
        async with running_simulator(port, speed=20.0, more=more) as (_, simulator):
            url = f"http://127.0.0.1:{port}"
            client = await nats.connect(server.url.replace("nats://", "nats://test:test@"))
            await _make_buckets(client)
            cluster = KubernetesAdapter("demo", lambda: connect(server=f"{url}/clusters/demo"))
            deployer_url = server.url.replace("nats://", f"nats://deployer:{secrets['deployer']}@")
            bench = Bench(deployer_url, url, client, cluster)
            await _listen(bench)
            if has_rbac:
                bench.by_https |= await _grant(simulator, directory, https_port)
            yield bench
            await cluster.close()
            await client.close()
    finally:
        await server.stop()


async def _grant(simulator: httpx.AsyncClient, directory: Path, https_port: int) -> dict[str, Any]:
    """Give the deployer its service account with its roles, and a token; the settings with which it uses them."""
    for each in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")):
        kind = KINDS[each["kind"]]
        path = kind.path.replace(kind.plural, f"namespaces/ecp-system/{kind.plural}") if kind.namespaced else kind.path
        answer = await simulator.post(f"/clusters/demo{path}", json=each)
        assert answer.status_code == 201, answer.text
    account = "/clusters/demo/api/v1/namespaces/ecp-system/serviceaccounts/ecp-orchestrator"
    made = (await simulator.post(f"{account}/token", json={"spec": {"expirationSeconds": 3600}})).json()
    token = directory / "token"
    token.write_text(made["status"]["token"], encoding="utf-8")
    url = f"https://127.0.0.1:{https_port}"
    files = {"k8s_simulator_ca_file": directory / "state" / "ca.crt", "k8s_simulator_token_file": token}
    return {"k8s_simulator_url": url, **files}


async def _make_buckets(client: Client) -> None:
    jetstream = client.jetstream()
    await bootstrap(jetstream)
    leases = (await jetstream.stream_info(stream_behind(MODE, Bucket.LEASES))).config
    await jetstream.update_stream(replace(leases, max_age=LEASE_SECONDS, duplicate_window=LEASE_SECONDS))


async def _listen(bench: Bench) -> None:
    for subject in ("demo.deploy.>", "demo.tenant.deleted"):
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)  # the client writes the subject into it
        await bench.client.jetstream().subscribe(
            subject, stream="DEMO_ECP", cb=bench.receive, ordered_consumer=True, config=config
        )


def phase_of(event: Event) -> Phase | None:
    return event.phase if isinstance(event, DeployEvent) else None


async def patch(bench: Bench, path: str, body: Obj, manager: str) -> None:
    await _send(bench, "PATCH", f"{path}?fieldManager={manager}", body, "application/strategic-merge-patch+json")


async def post(bench: Bench, path: str, body: Obj, manager: str = "kubectl-create") -> None:
    """Make an object as another manager."""
    await _send(bench, "POST", f"{path}?fieldManager={manager}", body, "application/json")


async def _send(bench: Bench, method: str, path: str, body: Obj, media_type: str) -> None:
    request = urllib.request.Request(  # noqa: S310
        f"{bench.simulator_url}/clusters/demo{path}",
        data=orjson.dumps(body),
        method=method,
        headers={"content-type": media_type},
    )
    with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
        assert answer.status in (200, 201)


async def set_image_as_kubectl(bench: Bench, tenant: str) -> None:
    container = {"name": "callbot", "image": "ecp-ai/callbot:hotfix"}
    body = {"spec": {"template": {"spec": {"containers": [container]}}}}
    await patch(bench, f"/apis/apps/v1/namespaces/ecp-ai-{tenant}/deployments/callbot", body, "kubectl-edit")


async def label_nodes(bench: Bench, label: str) -> None:
    for node in (await bench.cluster.list(Kind("v1", "Node"), "")).items:
        name = node["metadata"]["name"]
        await patch(bench, f"/api/v1/nodes/{name}", {"metadata": {"labels": {label: "yes"}}}, "kubectl-label")
