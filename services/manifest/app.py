"""Wiring: settings, catalogue, buckets and the deployer's capacity -> handlers."""

from functools import partial

from services.manifest.handlers import (
    Renderer,
    Validator,
    answer_render,
    answer_validate,
    render_manifest,
    validate_rendered,
)
from services.manifest.rendering import render
from services.manifest.settings import ManifestSettings
from services.manifest.store import RenderedManifests
from shared.bus import SMALL_BATCH, ModeBus, Worker
from shared.catalog import Catalog, load_catalog
from shared.events import DeployOptions
from shared.examples import SIZING, SPEC
from shared.rpc import CapacityReply, CapacityRequest, RenderRequest, ValidateRequest
from shared.subjects import MANIFEST_RENDERS, Bucket, Mode, Rpc


def build(settings: ManifestSettings, catalog: Catalog | None = None) -> Worker:
    """Wire the manifest service. Raises CatalogInvalid."""
    catalog = catalog or load_catalog()
    renderer: Renderer = partial(render, catalog=catalog, platform=settings.platform)
    validator = partial(validate_rendered, catalog=catalog)
    _warm_up(renderer, validator)
    worker = Worker("manifest", settings)
    buses = {mode: worker.bus(mode) for mode in Mode}
    stores = {mode: RenderedManifests(partial(bus.key_value, Bucket.MANIFESTS)) for mode, bus in buses.items()}
    ask_capacity = {mode: partial(_capacity, bus, settings.capacity_timeout) for mode, bus in buses.items()}
    handler = partial(render_manifest, renderer=renderer, validator=validator, stores=stores)
    worker.on(MANIFEST_RENDERS, handler, batch=SMALL_BATCH)
    worker.answer(Rpc.RENDER, RenderRequest, partial(answer_render, renderer=renderer))
    worker.answer(Rpc.VALIDATE, ValidateRequest, partial(answer_validate, catalog=catalog, ask_capacity=ask_capacity))
    return worker


async def _capacity(bus: ModeBus, timeout: float, target: str) -> CapacityReply:
    return await bus.ask(Rpc.CAPACITY, CapacityRequest(target=target), CapacityReply, timeout=timeout)


def _warm_up(renderer: Renderer, validator: Validator) -> None:
    """Render and validate an example, so that the first tenant needn't wait until the definitions are loaded."""
    validator(renderer(SPEC, SIZING, DeployOptions(), None))
