"""The calculator and the manifest service on a real NATS server: from a request to a stored manifest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from services.calculator import app as calculator
from services.calculator.settings import CalculatorSettings
from services.manifest import app as manifest
from services.manifest.rendering import digest
from services.manifest.settings import ManifestSettings
from services.manifest.store import RenderedManifests
from shared.bus import Worker
from shared.bus.envelope import encode
from shared.errors import Refused
from shared.events import DeployRequested, Event, ManifestRendered, ResourcesCalculated, ResourcesRejected
from shared.kube.manifest_text import stored_objects
from shared.rpc import CalculateRequest, Recommendation, RecommendRequest, RenderReply, RenderRequest, Usage
from shared.sizing import Sizing
from shared.subjects import Bucket, Mode, Rpc, Stream, manifest_key
from shared.tenants import TenantSpec

CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}


@pytest.fixture
async def workers(nats_url: str) -> AsyncIterator[Worker]:
    """Both services; the second one can ask and publish in the tests' name."""
    first = calculator.build(CalculatorSettings(nats_url=nats_url))
    second = manifest.build(ManifestSettings(nats_url=nats_url))
    for each in (first, second):
        await each.start()
    yield second
    for each in (first, second):
        await each.stop()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    client = await nats.connect(url)
    yield client
    await client.close()


def spec(tenant_id: str, **requirements: int) -> TenantSpec:
    return TenantSpec(tenant_id=tenant_id, name="센터", service_requirements=requirements)


def requested(spec: TenantSpec) -> DeployRequested:
    return DeployRequested(
        tenant_id=spec.tenant_id, spec=spec, deployment_id=f"dep-{spec.tenant_id}", generation=1, target="simulator"
    )


async def published(url: str, event: type[Event], tenant_id: str) -> Event:
    """The first event of its kind that names the tenant, in demo mode."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    async with connected(url) as client, asyncio.timeout(60):
        subscription = await client.jetstream().subscribe(
            Mode.DEMO.subject(event.subject), stream=Mode.DEMO.stream(Stream.ECP), ordered_consumer=True, config=config
        )
        while True:
            message = await subscription.next_msg(timeout=60)
            found = event.model_validate_json(message.data)
            if found.tenant_id == tenant_id:
                assert (message.headers or {})["correlation-id"] == f"req-{tenant_id}"
                return found


async def request(worker: Worker, spec: TenantSpec) -> None:
    """As the gateway does it: only what it has numbered drives a deployment."""
    encoded = encode(
        requested(spec),
        mode=Mode.DEMO,
        event_id=f"event-{spec.tenant_id}",
        correlation_id=f"req-{spec.tenant_id}",
        source="gateway",
    )
    await worker.publisher.publish_encoded(encoded.subject, encoded.body, encoded.headers)


async def test_a_requested_deployment_ends_as_a_manifest_under_its_digest(nats_url: str, workers: Worker) -> None:
    tenant = spec("rendered", **CALL_CENTRE)
    await request(workers, tenant)
    calculated = await published(nats_url, ResourcesCalculated, "rendered")
    rendered = await published(nats_url, ManifestRendered, "rendered")
    assert isinstance(calculated, ResourcesCalculated)
    assert isinstance(rendered, ManifestRendered)
    assert calculated.deployment == rendered.deployment == requested(tenant).deployment
    bucket = await workers.key_value(Bucket.MANIFESTS, Mode.DEMO)
    text = ((await bucket.get(manifest_key(rendered.digest))).value or b"").decode()
    assert digest(text) == rendered.digest
    assert len(stored_objects(text, "")) == sum(rendered.summary.values())


async def test_a_request_that_cannot_be_sized_is_rejected_and_nothing_is_rendered(
    nats_url: str, workers: Worker
) -> None:
    await request(workers, spec("unsizable", callbott=1))
    rejected = await published(nats_url, ResourcesRejected, "unsizable")
    assert isinstance(rejected, ResourcesRejected)
    assert "did you mean callbot" in rejected.message
    assert rejected.deployment == requested(spec("unsizable", callbott=1)).deployment


async def test_both_answer_questions_and_agree_with_the_events(nats_url: str, workers: Worker) -> None:
    ask = partial(workers.rpc.ask, mode=Mode.PRODUCTION)
    question = CalculateRequest(service_requirements=CALL_CENTRE)
    sizing = await ask(Rpc.CALCULATE, question, Sizing)
    assert sizing.recommended_preset == "large"
    answer = await ask(Rpc.RENDER, RenderRequest(spec=spec("asked", **CALL_CENTRE), sizing=sizing), RenderReply)
    assert answer.digest == digest(answer.text)
    assert answer.summary["Deployment"] == 7
    with pytest.raises(Refused) as refused:
        await ask(Rpc.CALCULATE, question.model_copy(update={"preset": "huge"}), Sizing)
    assert refused.value.code == "INVALID_PRESET"
    assert refused.value.details["presets"] == ["micro", "small", "medium", "large"]


async def test_a_recommendation_is_asked_for_by_request_and_reply(workers: Worker) -> None:
    sizing = await workers.rpc.ask(
        Rpc.CALCULATE, CalculateRequest(service_requirements=CALL_CENTRE), Sizing, mode=Mode.DEMO
    )
    question = RecommendRequest(sizing=sizing, usage={"stt": Usage(cpu_m=(1500.0,) * 20, memory_mib=(2000.0,))})
    found = await workers.rpc.ask(Rpc.RECOMMEND, question, Recommendation, mode=Mode.DEMO)
    assert [(each.cpu_request_m, each.memory_limit_mib) for each in found.services] == [(1500, 2300)]


async def test_a_manifest_that_is_kept_already_is_new_again(workers: Worker) -> None:
    bucket = await workers.key_value(Bucket.MANIFESTS, Mode.DEMO)
    manifests = RenderedManifests(partial(workers.key_value, Bucket.MANIFESTS, Mode.DEMO))
    await manifests.keep("sha256:beef", "text")
    first = await bucket.get("beef")
    await manifests.keep("sha256:beef", "text")
    again = await bucket.get("beef")
    assert first.value == again.value == b"text"
    assert (again.revision or 0) > (first.revision or 0)
