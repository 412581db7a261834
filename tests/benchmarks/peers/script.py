"""`python -m tests.benchmarks.peers.script URL STEP`: one of three workers that do our work with raw nats-py.

    size     script.requested -> script.sized
    render   script.sized     -> script.rendered
    deploy   script.rendered  -> script.started, and when all is applied, script.applied

It sizes, renders, validates, stores and applies (server-side apply) with the same functions and the same client.
It has no generations, leases, records, retries, dead letters, logs, metrics, idempotent redelivery or progress, and
doesn't wait until the applied objects are healthy.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.calculator.sizing.sizer import Sizer
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.manifest.handlers import validate_rendered
from services.manifest.rendering import digest, render, summary, to_stored
from services.manifest.settings import ManifestSettings
from shared.catalog import Catalog, load_catalog
from shared.events import DeployRequested, ManifestRendered, ResourcesCalculated
from shared.kube.client import connect
from shared.kube.manifest_text import stored_objects
from shared.subjects import manifest_key
from tests.benchmarks.peers.hop import AT_ONCE, messages, pass_on

BUCKET = "script_manifests"
DEPLOYMENTS_AT_ONCE = 64
"""Concurrency, the same as our deployer's."""
Step = Callable[[JetStreamContext, Msg], Coroutine[Any, Any, None]]


async def size(jetstream: JetStreamContext, message: Msg, sizer: Sizer) -> None:
    event = DeployRequested.model_validate_json(message.data)
    sized = ResourcesCalculated(
        tenant_id=event.tenant_id, spec=event.spec, sizing=sizer.size_spec(event.spec), deployment=event.deployment
    )
    await pass_on(jetstream, message, "script.sized", sized.model_dump_json(exclude_none=True).encode())


async def render_manifest(
    jetstream: JetStreamContext, message: Msg, catalog: Catalog, settings: ManifestSettings
) -> None:
    event = ResourcesCalculated.model_validate_json(message.data)
    assert event.deployment is not None
    options = event.deployment.options
    objects = render(event.spec, event.sizing, options, None, catalog=catalog, platform=settings.platform)
    assert validate_rendered(objects, catalog=catalog).valid
    text = to_stored(objects)
    name = digest(text)
    await (await jetstream.key_value(BUCKET)).put(manifest_key(name), text.encode())
    rendered = ManifestRendered(
        tenant_id=event.tenant_id, deployment=event.deployment, digest=name, summary=summary(objects)
    )
    await pass_on(jetstream, message, "script.rendered", rendered.model_dump_json(exclude_none=True).encode())


async def deploy(jetstream: JetStreamContext, message: Msg, cluster: KubernetesAdapter) -> None:
    event = ManifestRendered.model_validate_json(message.data)
    await pass_on(jetstream, message, "script.started", message.data)
    entry = await (await jetstream.key_value(BUCKET)).get(manifest_key(event.digest))
    for obj in stored_objects((entry.value or b"").decode(), f"ecp-ai-{event.tenant_id}"):
        await cluster.apply(obj, force=False)
    await pass_on(jetstream, message, "script.applied", message.data)


def step_of(name: str) -> tuple[str, Step, int]:
    """Source, function and concurrency of a worker."""
    if name == "size":
        return "script.requested", partial(size, sizer=Sizer(load_catalog())), AT_ONCE
    if name == "render":
        return "script.sized", partial(render_manifest, catalog=load_catalog(), settings=ManifestSettings()), AT_ONCE
    server = f"{os.environ['K8S_SIMULATOR_URL']}/clusters/demo"
    cluster = KubernetesAdapter("demo", partial(connect, server=server, connections=DEPLOYMENTS_AT_ONCE))
    return "script.rendered", partial(deploy, cluster=cluster), DEPLOYMENTS_AT_ONCE


async def work(jetstream: JetStreamContext, source: str, step: Step) -> None:
    async for message in messages(jetstream, source):
        await step(jetstream, message)
        await message.ack()


async def main(url: str, name: str) -> None:
    client = await nats.connect(url)
    source, step, at_once = step_of(name)
    await asyncio.gather(*(work(client.jetstream(), source, step) for _ in range(at_once)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
