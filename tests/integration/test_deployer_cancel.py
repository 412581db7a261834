"""A cancel on the simulator: while a deployment waits for pods, for capacity, or for its manifest."""

from collections.abc import AsyncIterator

import pytest

from shared.events import DeployCancelled, DeployCompleted, DeployEvent, DeployProgressed, Operation
from tests.integration.deployer_bench import Bench, manifest, running_bench


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def cancel(bench: Bench, tenant: str, generation: int) -> DeployCancelled:
    """Cancel the generation, under an id of the message's own; the event that it ends with."""
    deployment_id = await bench.operate(tenant, generation, Operation.CANCEL, again=True)
    end = (await bench.until_published(deployment_id, DeployCancelled))[-1]
    assert isinstance(end, DeployCancelled)
    return end


async def test_what_waits_for_its_pods_is_cancelled_and_stays_and_can_be_deployed_again(bench: Bench) -> None:
    broken = manifest("half", "callbot", "chatbot", fail="image-pull")
    async with bench.deployer(failure_grace=600.0):
        waits = await bench.deploy("half", 1, broken, on_failure="delete")
        await bench.until(
            lambda: any(
                isinstance(each, DeployProgressed) and "waiting for" in each.message for each in bench.of(waits)
            )
        )
        end = await cancel(bench, "half", 1)
        assert end.changed
        assert end.message.startswith("cancelled; 7 of 7 objects are applied and stay: Namespace ecp-ai-half, ")
        assert await bench.read("Deployment", "half", "callbot", "apps/v1") is not None
        good = await bench.deploy("half", 2, manifest("half", "callbot"))
        await bench.until_published(good, DeployCompleted)
        assert await bench.read("Deployment", "half", "chatbot", "apps/v1") is None
    ends = [each for each in bench.of(waits) if isinstance(each, DeployEvent) and each.phase == "done"]
    assert ends == []


async def test_what_waits_for_capacity_is_cancelled_and_leaves_nothing(bench: Bench) -> None:
    huge = manifest("huge", "callbot").replace("cpu: 100m", "cpu: '100000'")
    async with bench.deployer():
        waits = await bench.deploy("huge", 1, huge, wait_for_capacity=True)
        await bench.until(
            lambda: any(
                isinstance(each, DeployEvent) and "waiting for room" in each.message for each in bench.of(waits)
            )
        )
        end = await cancel(bench, "huge", 1)
    assert (end.changed, end.message) == (False, "cancelled before anything changed")
    assert await bench.read("Namespace", "huge", "ecp-ai-huge") is None


async def test_a_manifest_that_arrives_after_its_cancel_is_not_applied_by_another_deployer_either(bench: Bench) -> None:
    async with bench.deployer():
        end = await cancel(bench, "early", 1)
        assert not end.changed
    await bench.deploy("early", 1, manifest("early", "callbot"))
    async with bench.deployer():
        other = await bench.deploy("other", 1, manifest("other", "callbot"))
        await bench.until_published(other, DeployCompleted)
    assert await bench.read("Namespace", "early", "ecp-ai-early") is None
    assert sum(isinstance(each, DeployCancelled) for each in bench.of("dep-early-1")) == 1


async def test_a_cancel_after_the_end_changes_nothing(bench: Bench) -> None:
    async with bench.deployer():
        done = await bench.deploy("ended", 1, manifest("ended", "callbot"))
        await bench.until_published(done, DeployCompleted)
        await bench.operate("ended", 1, Operation.CANCEL, again=True)
        again = await bench.deploy("ended", 2, manifest("ended", "callbot", image="2"))
        await bench.until_published(again, DeployCompleted)
    assert not any(isinstance(each, DeployCancelled) for each in bench.of(done))
