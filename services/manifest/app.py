"""Wiring: settings, catalogue, buckets and the deployer's answers -> handlers."""

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
from services.manifest.settings import Settings
from services.manifest.store import ManifestStore
from shared.bus import Worker
from shared.catalog import Catalog, load_catalog
from shared.events import DeployOptions
from shared.examples import SIZING, SPEC
from shared.rpc import CapacityReply, CapacityRequest, RenderRequest, ValidateRequest
from shared.subjects import MANIFEST_RENDERS, Bucket, Mode, Rpc


def build(settings: Settings, catalog: Catalog | None = None) -> Worker:
    """The manifest service, ready to run. Raises CatalogInvalid."""
    catalog = catalog or load_catalog()
    renderer: Renderer = partial(render, catalog=catalog, platform=settings.platform)
    worker = Worker("manifest", settings)

    async def capacity(target: str, mode: Mode) -> CapacityReply:
        request = CapacityRequest(target=target)
        return await worker.rpc.ask(Rpc.CAPACITY, request, CapacityReply, mode=mode, timeout=settings.capacity_timeout)

    stores = {mode: ManifestStore(partial(worker.key_value, Bucket.MANIFESTS, mode)) for mode in Mode}
    validator = partial(validate_rendered, catalog=catalog)
    _try_out(renderer, validator)
    worker.on(MANIFEST_RENDERS, partial(render_manifest, renderer=renderer, validator=validator, stores=stores))
    worker.answer(Rpc.RENDER, RenderRequest, partial(answer_render, renderer=renderer))
    worker.answer(Rpc.VALIDATE, ValidateRequest, partial(answer_validate, catalog=catalog, ask_capacity=capacity))
    return worker


def _try_out(renderer: Renderer, validator: Validator) -> None:
    """Render and validate an example, or the first tenant would wait for Kubernetes' definitions to be read."""
    validator(renderer(SPEC, SIZING, DeployOptions(), None), SPEC.tenant_id)
