"""Which promise counts, by what the deployer recorded; its own records are read here, as it writes them."""

from typing import Any

import orjson
import pytest
import yaml

from services.deployer.state.records import AppliedState, DesiredState
from services.monitor.collect.deployer_records import AppliedRecord, promise_in
from services.monitor.collect.promises import read_promise
from services.monitor.collect.sampler import unchanged
from shared.events import Operation
from shared.kube.labels import FIELD_MANAGER
from shared.sla import Need, Promise, WorkloadKey, observing
from shared.subjects import Bucket
from tests.support.deployer_scenario import (
    BROKEN,
    KEY,
    NAMESPACE,
    TENANT,
    TenantScenario,
    autoscaler,
    deployment,
    namespace,
)

CALLBOT, CHATBOT = (WorkloadKey(NAMESPACE, "Deployment", name) for name in ("callbot", "chatbot"))


def objects(**needed: int) -> list[dict[str, Any]]:
    """A manifest whose services need so many replicas, whatever they have."""
    workloads = [deployment(name, 2) for name in needed]
    for each, k in zip(workloads, needed.values(), strict=True):
        each["metadata"]["annotations"] = {"ecp.ai/needed-replicas": str(k)}
    return [namespace(), *workloads]


async def promise_of(scenario: TenantScenario) -> Promise:
    """What the monitor makes of the record as it is now."""
    entry = await scenario.buckets[Bucket.APPLIED].get(KEY)
    promise = promise_in(
        AppliedRecord.model_validate_json(entry.value or b""),
        lambda digest: read_promise(scenario.manifests[digest], TENANT),
    )
    assert promise is not None
    return promise


async def deployed(**needed: int) -> TenantScenario:
    scenario = TenantScenario()
    await scenario.desire(1, objects(**needed))
    await scenario.settle()
    return scenario


async def test_during_a_first_deployment_nothing_is_due_and_after_it_everything_is() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, objects(callbot=2))
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}


async def test_until_a_revision_has_rolled_out_the_lower_of_the_two_counts() -> None:
    scenario = await deployed(callbot=3, chatbot=3)
    await scenario.desire(2, objects(callbot=5, chatbot=2))
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(3, 2), CHATBOT: Need(2, 2)}
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(5, 2), CHATBOT: Need(2, 2)}


async def test_what_was_begun_and_pushed_aside_counts_until_a_revision_has_rolled_out() -> None:
    scenario = await deployed(callbot=5)
    await scenario.desire(2, objects(callbot=2))
    await scenario.open()
    await scenario.desire(3, objects(callbot=4))
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(4, 2)}


async def test_a_deployment_that_failed_leaves_the_promise_of_what_rolled_out_last() -> None:
    scenario = await deployed(callbot=2)
    scenario.cluster.set_status("Deployment", NAMESPACE, "callbot", BROKEN)
    await scenario.desire(2, objects(callbot=4), on_failure="keep")
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}


async def test_a_stopped_tenant_rests_from_the_beginning_of_the_stop_until_its_start_is_done() -> None:
    scenario = await deployed(callbot=2)
    await scenario.operate(2, Operation.STOP)
    await scenario.open()
    assert (await promise_of(scenario)).rests
    await scenario.settle()
    assert (await promise_of(scenario)).rests
    await scenario.operate(3, Operation.START, to=1)
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}


async def test_a_new_revision_of_a_stopped_tenant_is_a_start() -> None:
    scenario = await deployed(callbot=2)
    await scenario.operate(2, Operation.STOP)
    await scenario.settle()
    await scenario.desire(3, objects(callbot=2))
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2, is_due=False)}
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}


async def test_a_tenant_that_a_version_before_has_stopped_starts_with_a_new_revision() -> None:
    scenario = await deployed(callbot=2)
    await scenario.operate(2, Operation.STOP)
    await scenario.settle()
    entry = await scenario.buckets[Bucket.APPLIED].get(KEY)
    old = {name: value for name, value in orjson.loads(entry.value or b"").items() if name != "stopped"}
    await scenario.buckets[Bucket.APPLIED].update(KEY, orjson.dumps(old), last=entry.revision)
    await scenario.desire(3, objects(callbot=2))
    await scenario.open()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2, is_due=False)}


async def test_a_start_that_failed_is_due() -> None:
    scenario = await deployed(callbot=2)
    await scenario.operate(2, Operation.STOP)
    await scenario.settle()
    scenario.cluster.set_status("Deployment", NAMESPACE, "callbot", BROKEN)
    await scenario.operate(3, Operation.START, to=1)
    await scenario.settle()
    assert (await promise_of(scenario)).services == {CALLBOT: Need(2, 2)}


async def test_a_tenant_that_is_being_deleted_rests() -> None:
    scenario = await deployed(callbot=2)
    await scenario.desire(2)
    await scenario.open()
    assert (await promise_of(scenario)).rests
    await scenario.settle()
    assert await promise_of(scenario) == Promise(rests=True)


def test_a_record_of_a_version_before_is_read() -> None:
    text = yaml.safe_dump_all([deployment("callbot", None), autoscaler("callbot", 3)])
    record = AppliedRecord.model_validate({"outcome": "completed", "digest": "sha256:1", "deployment_id": "dep-1"})
    assert promise_in(record, lambda _: read_promise(text, "other")) == Promise({CALLBOT: Need(1, 3)})


def test_of_a_deleted_tenant_no_manifest_is_looked_for() -> None:
    """Its record stays for ever, and manifests that it had begun are removed."""
    assert AppliedRecord(outcome="deleted", unfinished=("sha256:1",)).digests == ()


def test_a_record_whose_manifest_is_gone_promises_nothing_that_could_be_known() -> None:
    assert promise_in(AppliedRecord(outcome="completed", digest="sha256:1"), lambda _: None) is None


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
    assert AppliedRecord.model_fields.keys() <= AppliedState.model_fields.keys()
    assert AppliedRecord.model_fields["wanted"].annotation is not None
    assert {"action", "operation", "digest"} <= DesiredState.model_fields.keys()


async def test_a_cancelled_deployment_that_changed_nothing_leaves_the_promise_and_one_that_did_lowers_it() -> None:
    scenario = await deployed(callbot=2)
    before = await promise_of(scenario)
    await scenario.desire(2, objects(callbot=1))
    await scenario.cancel(2)
    await scenario.settle()
    assert await promise_of(scenario) == before
    await scenario.desire(3, objects(callbot=1))
    await scenario.settle_cancelled("after apply Deployment", 3)
    assert (await promise_of(scenario)).services[CALLBOT].needed == 1


async def test_a_cancelled_stop_is_due_and_a_start_that_was_cancelled_before_it_began_rests() -> None:
    scenario = await deployed(callbot=2)
    await scenario.operate(2, Operation.STOP)
    await scenario.settle_cancelled("after patch Deployment", 2)
    promise = await promise_of(scenario)
    assert (promise.rests, promise.services[CALLBOT].is_due) == (False, True)
    await scenario.operate(3, Operation.STOP)
    await scenario.settle()
    await scenario.operate(4, Operation.START, to=1)
    await scenario.cancel(4)
    await scenario.settle()
    assert (await promise_of(scenario)).rests
