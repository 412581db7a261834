"""A tenant that changes its size and its preset, with what the manifest service renders, by an API server's rules."""

from collections.abc import AsyncIterator

import pytest

from services.calculator.sizing.tenant_sizing import size
from services.deployer.state.records import ObjectRef
from services.manifest.rendering import render, to_yaml
from shared.catalog import load_catalog
from shared.events import DeployCompleted, DeployOptions
from shared.tenants import SlaTarget, TenantSpec
from tests.integration.deployer_bench import Bench, running_bench

CATALOG = load_catalog()


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


def rendered(tenant: str, preset: str, **sessions: int) -> str:
    sizing = size(sessions, SlaTarget(), preset, None, CATALOG)
    spec = TenantSpec(tenant_id=tenant, name=tenant, service_requirements=sessions)
    return to_yaml(render(spec, sizing, DeployOptions(), catalog=CATALOG))


async def recordings(bench: Bench, tenant: str) -> tuple[str, str]:
    """The size of the claim, and of what it is bound to."""
    claim = await bench.read("PersistentVolumeClaim", tenant, "stt-recordings")
    assert claim is not None
    return claim["spec"]["resources"]["requests"]["storage"], claim["status"]["phase"]


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_tenant_that_grows_and_shrinks_keeps_its_volumes_and_changes_all_else(bench: Bench) -> None:
    async with bench.deployer():
        large = await bench.deploy("sizes", 1, rendered("sizes", "small", stt=40, chatbot=10))
        await bench.until_published(large, DeployCompleted)
        before, phase = await recordings(bench, "sizes")
        assert phase == "Bound"
        smaller = await bench.deploy("sizes", 2, rendered("sizes", "micro", stt=5, chatbot=10))
        await bench.until_published(smaller, DeployCompleted)
        assert await recordings(bench, "sizes") == (before, "Bound")
        larger = await bench.deploy("sizes", 3, rendered("sizes", "medium", stt=80, chatbot=10))
        await bench.until_published(larger, DeployCompleted)
    after, _ = await recordings(bench, "sizes")
    assert int(after.removesuffix("Gi")) > int(before.removesuffix("Gi"))
    classes = {preset: await priority_class(bench, preset) for preset in ("small", "micro", "medium")}
    assert classes == {"small": False, "micro": False, "medium": True}, "those of other presets are pruned"


async def priority_class(bench: Bench, preset: str) -> bool:
    """Whether the tenant's class of a preset is there."""
    name = f"ecp-ai-sizes-{preset}"
    ref = ObjectRef(api_version="scheduling.k8s.io/v1", kind="PriorityClass", namespace="", name=name)
    return await bench.cluster.read(ref) is not None
