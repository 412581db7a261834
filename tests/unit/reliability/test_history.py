"""The checker of the nemesis finds each violation, and none in a correct history."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.history import Call, Deployment, History, Published, Seen, Tenant, violations


def call(operation: str = "create", **changes: Any) -> Call:
    return Call(operation, "one", "key-1", 1.0, 2.0, 201, "dep-1", 1)._replace(**changes)


def good() -> History:
    """A correct history: a creation, a change during it, and a retry because one response was lost."""
    return History(
        calls=[
            call(status=None, deployment=None, generation=None),
            call(begun=3.0, ended=4.0),
            call("change", key="key-2", begun=5.0, ended=6.0, status=202, deployment="dep-2", generation=2),
        ],
        events=[
            Published(1, "deploy.started", "one", "dep-1", 1),
            Published(2, "deploy.superseded", "one", "dep-1", 1),
            Published(3, "deploy.completed", "one", "dep-2", 2),
        ],
        seen=[Seen("one", 1, 4.0), Seen("one", 2, 6.0)],
        deployments=[
            Deployment("dep-1", "one", "deploy", 1, "superseded"),
            Deployment("dep-2", "one", "deploy", 2, "completed"),
        ],
        tenants=[Tenant("one", "running", 2, runs=True)],
    )


def kinds(history: History) -> list[str]:
    return [each.kind for each in violations(history)]


def test_a_good_history_has_no_violation() -> None:
    assert violations(good()) == []


def test_an_accepted_operation_without_a_record_is_lost() -> None:
    history = good()
    history.deployments.pop(0)
    assert [str(each) for each in violations(history)] == ["lost: one: create was accepted as dep-1: no record of it"]


def test_a_record_that_a_later_deletion_took_along_is_not_lost() -> None:
    history = good()
    history.calls.append(call("delete", key="key-3", begun=7.0, ended=8.0, status=202, deployment="del-1"))
    history.deployments, history.tenants = [], []
    assert violations(history) == []


def test_a_deletion_that_ended_before_excuses_nothing() -> None:
    history = good()
    history.calls.insert(0, call("delete", key="key-0", begun=0.1, ended=0.2, status=None, deployment=None))
    history.deployments.pop(0)
    assert kinds(history) == ["lost"]


@pytest.mark.parametrize("status", ["failed", "rolled_back", "cancelled"])
def test_an_accepted_operation_that_only_a_fault_can_have_failed_is_lost(status: str) -> None:
    history = good()
    history.deployments[1] = history.deployments[1]._replace(status=status, message="no reason of its own")
    assert kinds(history) == ["lost"]


def test_a_running_tenant_that_the_cluster_does_not_have_is_lost() -> None:
    assert kinds(replace(good(), tenants=[Tenant("one", "running", 2, runs=False)])) == ["lost"]


def test_a_failed_tenant_is_lost() -> None:
    assert kinds(replace(good(), tenants=[Tenant("one", "failed", 2, runs=True)])) == ["lost"]


def test_two_operations_for_one_key_are_doubled() -> None:
    history = good()
    history.calls.append(call(deployment="dep-3", begun=4.5, ended=5.0))
    history.deployments.append(Deployment("dep-3", "one", "deploy", 2, "superseded"))
    found = [str(each) for each in violations(history)]
    assert "doubled: one: key key-1 was answered with dep-1, dep-3" in found
    assert "doubled: one: 3 operations, and 2 were asked for" in found
    assert "doubled: one: generation 2 was given 2 times" in found


def test_an_operation_without_a_request_is_doubled_also_without_a_response() -> None:
    history = good()
    history.deployments.append(Deployment("dep-9", "one", "deploy", 3, "completed"))
    history.tenants = [Tenant("one", "running", 3, runs=True)]
    assert kinds(history) == ["doubled"]


def test_a_deployment_completed_twice_is_doubled() -> None:
    history = good()
    history.events.append(Published(4, "deploy.completed", "one", "dep-2", 2))
    assert kinds(history) == ["doubled"]


def test_a_deployment_on_its_way_at_the_end_is_pending() -> None:
    history = good()
    history.deployments[1] = history.deployments[1]._replace(status="deploying")
    assert kinds(history) == ["pending"]


@pytest.mark.parametrize("status", ["pending", "deleting"])
def test_a_tenant_on_its_way_at_the_end_is_pending(status: str) -> None:
    assert kinds(replace(good(), tenants=[Tenant("one", status, 2, runs=True)])) == ["pending"]


def test_a_lower_generation_in_a_later_answer_is_backwards() -> None:
    history = good()
    history.seen.append(Seen("one", 1, 7.0))
    assert [str(each) for each in violations(history)] == ["backwards: one: answers: generation 1 after 2"]


def test_a_lower_generation_completed_after_a_higher_one_is_backwards() -> None:
    history = good()
    history.events.append(Published(4, "deploy.completed", "one", "dep-1", 1))
    assert kinds(history) == ["backwards"]


def test_a_tenant_behind_its_own_operations_is_backwards() -> None:
    assert kinds(replace(good(), tenants=[Tenant("one", "running", 1, runs=True)])) == ["backwards"]


def test_answers_are_ordered_by_their_moment_and_not_by_their_place() -> None:
    history = good()
    history.seen.reverse()
    assert violations(history) == []
