"""Which promise counts, by what the deployer recorded; its own records are read here, as it writes them."""

from typing import Any

import orjson
import pytest
import yaml

from services.deployer.cluster.api import FIELD_MANAGER
from services.deployer.state.records import AppliedState, DesiredState
from services.monitor.collect.deployer_records import Record, promise_in
from services.monitor.collect.promises import read_promise
from services.monitor.collect.sampler import unchanged
from shared.events import Operation
from shared.sla import Need, Promise, WorkloadKey, observing
from shared.subjects import Bucket
from tests.support.deployer_world import BROKEN, KEY, NAMESPACE, TENANT, World, autoscaler, deployment, namespace

CALLBOT, CHATBOT = (WorkloadKey(NAMESPACE, "Deployment", name) for name in ("callbot", "chatbot"))


def objects(**needed: int) -> list[dict[str, Any]]:
    """A manifest whose services need so many replicas, whatever they have."""
    workloads = [deployment(name, 2) for name in needed]
    for each, k in zip(workloads, needed.values(), strict=True):
        each["metadata"]["annotations"] = {"ecp.ai/needed-replicas": str(k)}
    return [namespace(), *workloads]


async def promise_of(world: World) -> Promise:
    """What the monitor makes of the record as it is now."""
    entry = await world.buckets[Bucket.APPLIED].get(KEY)
    promise = promise_in(
        Record.model_validate_json(entry.value or b""), lambda digest: read_promise(world.manifests[digest], TENANT)
    )
    assert promise is not None
    return promise


async def deployed(**needed: int) -> World:
    world = World()
    await world.want(1, objects(**needed))
    await world.settle()
    return world


async def test_during_a_first_deployment_nothing_is_due_and_after_it_everything_is() -> None:
    world = World()
    await world.want(1, objects(callbot=2))
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}


async def test_until_a_revision_has_rolled_out_the_lower_of_the_two_counts() -> None:
    world = await deployed(callbot=3, chatbot=3)
    await world.want(2, objects(callbot=5, chatbot=2))
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(3, 2), CHATBOT: Need(2, 2)}
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(5, 2), CHATBOT: Need(2, 2)}


async def test_what_was_begun_and_pushed_aside_counts_until_a_revision_has_rolled_out() -> None:
    world = await deployed(callbot=5)
    await world.want(2, objects(callbot=2))
    await world.begin()
    await world.want(3, objects(callbot=4))
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(4, 2)}


async def test_a_deployment_that_failed_leaves_the_promise_of_what_rolled_out_last() -> None:
    world = await deployed(callbot=2)
    world.cluster.set_status("Deployment", NAMESPACE, "callbot", BROKEN)
    await world.want(2, objects(callbot=4), on_failure="keep")
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}


async def test_a_stopped_tenant_rests_from_the_beginning_of_the_stop_until_its_start_is_done() -> None:
    world = await deployed(callbot=2)
    await world.operate(2, Operation.STOP)
    await world.begin()
    assert (await promise_of(world)).rests
    await world.settle()
    assert (await promise_of(world)).rests
    await world.operate(3, Operation.START, to=1)
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}


async def test_a_new_revision_of_a_stopped_tenant_is_a_start() -> None:
    world = await deployed(callbot=2)
    await world.operate(2, Operation.STOP)
    await world.settle()
    await world.want(3, objects(callbot=2))
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}


async def test_a_tenant_that_a_version_before_has_stopped_starts_with_a_new_revision() -> None:
    world = await deployed(callbot=2)
    await world.operate(2, Operation.STOP)
    await world.settle()
    entry = await world.buckets[Bucket.APPLIED].get(KEY)
    old = {name: value for name, value in orjson.loads(entry.value or b"").items() if name != "stopped"}
    await world.buckets[Bucket.APPLIED].update(KEY, orjson.dumps(old), last=entry.revision)
    await world.want(3, objects(callbot=2))
    await world.begin()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2, is_due=False)}


async def test_a_start_that_failed_is_due() -> None:
    world = await deployed(callbot=2)
    await world.operate(2, Operation.STOP)
    await world.settle()
    world.cluster.set_status("Deployment", NAMESPACE, "callbot", BROKEN)
    await world.operate(3, Operation.START, to=1)
    await world.settle()
    assert (await promise_of(world)).services == {CALLBOT: Need(2, 2)}


async def test_a_tenant_that_is_being_deleted_rests() -> None:
    world = await deployed(callbot=2)
    await world.want(2)
    await world.begin()
    assert (await promise_of(world)).rests
    await world.settle()
    assert await promise_of(world) == Promise(rests=True)


def test_a_record_of_a_version_before_is_read() -> None:
    text = yaml.safe_dump_all([deployment("callbot", None), autoscaler("callbot", 3)])
    record = Record.model_validate({"outcome": "completed", "digest": "sha256:1", "deployment_id": "dep-1"})
    assert promise_in(record, lambda _: read_promise(text, "other")) == Promise({CALLBOT: Need(1, 3)})


def test_of_a_deleted_tenant_no_manifest_is_looked_for() -> None:
    """Its record stays for ever, and manifests that it had begun are removed."""
    assert Record(outcome="deleted", unfinished=("sha256:1",)).digests == ()


def test_a_record_whose_manifest_is_gone_promises_nothing_that_could_be_known() -> None:
    assert promise_in(Record(outcome="completed", digest="sha256:1"), lambda _: None) is None


def test_what_has_changed_while_the_cluster_was_read_does_not_count_yet() -> None:
    lower, higher = Promise({CALLBOT: Need(2, 3)}), Promise({CALLBOT: Need(4, 5)})
    assert unchanged({"acme": lower}, {"acme": higher})["acme"].services == {CALLBOT: Need(2, 5)}
    assert unchanged({"acme": higher}, {"acme": lower})["acme"].services == {CALLBOT: Need(2, 3)}
    assert unchanged({"acme": Promise(rests=True)}, {"acme": lower})["acme"].rests
    assert unchanged({}, {"acme": lower}) == {"acme": lower}


@pytest.mark.parametrize("text", ["", "kind: ConfigMap\nmetadata: {name: x}\n"])
def test_a_manifest_without_a_workload_promises_nothing(text: str) -> None:
    assert read_promise(text, TENANT) == Promise()


def test_the_field_manager_is_the_deployer_s_and_every_field_of_the_record_is_its_own() -> None:
    assert observing.FIELD_MANAGER == FIELD_MANAGER
    assert Record.model_fields.keys() <= AppliedState.model_fields.keys()
    assert Record.model_fields["wanted"].annotation is not None
    assert {"action", "operation", "digest"} <= DesiredState.model_fields.keys()
