"""How events become desired states, and which events are refused at once."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.deployer.handlers import Handlers
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import TenantRecords
from shared.bus import Delivery
from shared.events import (
    DeployFailed,
    DeploymentContext,
    DeploySuperseded,
    ManifestRendered,
    Operation,
    OperationRequested,
    TenantDeleted,
)
from shared.subjects import Mode
from tests.support.deployer_scenario import KEY, TENANT, OneTarget, TenantScenario, namespace

SENT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Subject:
    """The handlers of a scenario, and what they passed to the controller."""

    def __init__(self) -> None:
        self.scenario = TenantScenario()
        self.enqueued: list[tuple[DesiredState, TenantRecords | None]] = []
        self.repeated: list[int] = []
        clusters = cast(Any, OneTarget(self.scenario.cluster))
        self.handlers = Handlers(self.scenario.states, clusters, self._enqueue, self._repeat_end)

    def _enqueue(self, desired: DesiredState, records: TenantRecords | None) -> None:
        self.enqueued.append((desired, records))

    async def _repeat_end(self, desired: DesiredState, records: TenantRecords) -> None:
        self.repeated.append(desired.generation)

    async def desired(self) -> DesiredState | None:
        return (await self.scenario.states.read(KEY)).desired


@pytest.fixture
def subject() -> Subject:
    return Subject()


def delivery() -> Delivery:
    return Delivery(
        mode=Mode.DEMO,
        subject="x",
        event_id="e",
        correlation_id="req-1",
        time=SENT,
        stream="DEMO_ECP",
        sequence=1,
        attempt=1,
        durable="d",
        sent=SENT,
    )


def context(generation: int, target: str = "fake") -> DeploymentContext:
    return DeploymentContext(deployment_id=f"dep-{generation}", generation=generation, target=target)


def rendered(generation: int, target: str = "fake") -> ManifestRendered:
    return ManifestRendered(
        tenant_id=TENANT, deployment=context(generation, target), digest=f"sha256:{generation}", summary={}
    )


def requested(operation: Operation, generation: int = 1, target: str = "fake", **fields: Any) -> OperationRequested:
    deployment = context(generation, target)
    return OperationRequested(tenant_id=TENANT, operation=operation, deployment=deployment, **fields)


async def test_a_manifest_becomes_the_desired_state_and_is_enqueued(subject: Subject) -> None:
    assert await subject.handlers.accept_manifest(rendered(1), delivery()) == []
    desired = await subject.desired()
    assert desired is not None
    assert (desired.action, desired.digest, desired.correlation_id) == ("deploy", "sha256:1", "req-1")
    [(enqueued, records)] = subject.enqueued
    assert enqueued.generation == 1
    assert records is not None
    assert subject.repeated == [1]


async def test_a_lower_generation_is_superseded_and_not_enqueued(subject: Subject) -> None:
    await subject.handlers.accept_manifest(rendered(2), delivery())
    [event] = await subject.handlers.accept_manifest(rendered(1), delivery())
    assert isinstance(event, DeploySuperseded)
    assert (event.deployment_id, event.superseded_by) == ("dep-1", 2)
    assert len(subject.enqueued) == 1


async def test_a_repeated_event_of_a_finished_generation_has_its_end_repeated(subject: Subject) -> None:
    await subject.scenario.desire(1, [namespace()])
    await subject.scenario.settle()
    event = rendered(1)
    assert await subject.handlers.accept_manifest(event, delivery()) == []
    assert subject.repeated == [1]


@pytest.mark.parametrize("operation", [None, Operation.STOP])
async def test_an_unknown_target_fails_the_deployment(subject: Subject, operation: Operation | None) -> None:
    if operation is None:
        [event] = await subject.handlers.accept_manifest(rendered(1, "moon"), delivery())
    else:
        [event] = await subject.handlers.accept_operation(requested(operation, target="moon"), delivery())
    assert isinstance(event, DeployFailed)
    assert event.code == "UNKNOWN_TARGET"


async def test_deleting_from_an_unknown_target_succeeds_if_nothing_was_recorded_there(subject: Subject) -> None:
    [event] = await subject.handlers.accept_operation(requested(Operation.DELETE, target="moon"), delivery())
    assert isinstance(event, TenantDeleted)
    moon = DesiredState(
        tenant_id=TENANT, target="moon", deployment_id="d", generation=1, action="deploy", correlation_id="c"
    )
    await subject.scenario.states.set_desired(moon)
    [event] = await subject.handlers.accept_operation(requested(Operation.DELETE, 2, target="moon"), delivery())
    assert isinstance(event, DeployFailed)


@pytest.mark.parametrize(
    ("operation", "code"), [(Operation.START, "MANIFEST_INVALID"), (Operation.ROLLBACK, "MANIFEST_INVALID")]
)
async def test_impossible_operations_fail_at_once(subject: Subject, operation: Operation, code: str) -> None:
    [event] = await subject.handlers.accept_operation(requested(operation), delivery())
    assert isinstance(event, DeployFailed)
    assert event.code == code
    assert await subject.desired() is None


async def test_a_restart_is_timed_by_the_event_in_whole_seconds(subject: Subject) -> None:
    event = requested(Operation.RESTART, digest="sha256:1")
    assert await subject.handlers.accept_operation(event, delivery()) == []
    desired = await subject.desired()
    assert desired is not None
    assert desired.restarted_at == SENT.replace(microsecond=0)


async def test_a_deletion_needs_no_manifest(subject: Subject) -> None:
    assert await subject.handlers.accept_operation(requested(Operation.DELETE, force=True), delivery()) == []
    desired = await subject.desired()
    assert desired is not None
    assert (desired.action, desired.digest, desired.force) == ("delete", None, True)


async def test_a_cancel_marks_the_generation_and_has_it_worked_on(subject: Subject) -> None:
    await subject.handlers.accept_manifest(rendered(1), delivery())
    assert await subject.handlers.accept_operation(requested(Operation.CANCEL), delivery()) == []
    desired = await subject.desired()
    assert desired is not None
    assert (desired.cancelled, desired.digest, desired.action) == (True, "sha256:1", "deploy")
    assert [each.cancelled for each, _ in subject.enqueued] == [False, True]


async def test_a_manifest_after_its_cancel_is_enqueued_as_cancelled(subject: Subject) -> None:
    await subject.handlers.accept_operation(requested(Operation.CANCEL), delivery())
    assert await subject.handlers.accept_manifest(rendered(1), delivery()) == []
    assert [(each.cancelled, each.digest) for each, _ in subject.enqueued] == [(True, None), (True, None)]


async def test_a_cancel_of_a_superseded_generation_changes_and_reports_nothing(subject: Subject) -> None:
    await subject.handlers.accept_manifest(rendered(2), delivery())
    assert await subject.handlers.accept_operation(requested(Operation.CANCEL, 1), delivery()) == []
    desired = await subject.desired()
    assert desired is not None
    assert (desired.generation, desired.cancelled) == (2, False)
    assert len(subject.enqueued) == 1
