"""What a rollback, start, stop or restart means for a tenant: which manifest of its history runs, or why not. Pure.

The tenant's rows keep what was asked for: spec and revision stay as they are, also while an earlier manifest runs.
What runs is what `deployments` says: an operation's row has the digest and the revision of the manifest that it
brings about.

    rollback   the last generation that was healthy with another manifest than the present one, or the one chosen
    start      the manifest that was healthy last; a deploy or a change starts a stopped tenant, too
    restart    the present manifest, in new pods
    stop       none
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.gateway.deployments.projection import ENDED
from services.gateway.http.errors import conflict, deployment_not_found
from shared.errors import Refused
from shared.events import Operation

_RUNS = frozenset({"deploy", Operation.ROLLBACK, Operation.START, Operation.RESTART})
"""Operations that bring a manifest about."""
_HEALTHY = frozenset({"completed", "rolled_back"})


class Past(NamedTuple):
    """One operation of a tenant's history."""

    deployment_id: str
    operation: str
    generation: int
    revision: int
    status: str
    digest: str | None
    """Of what ran in the end; None before it is rendered, and for a stop."""

    @property
    def went_back(self) -> bool:
        """Whether it is a deploy that failed and went back by itself: its digest is another one's then."""
        return self.operation == "deploy" and self.status == "rolled_back"

    @property
    def was_healthy(self) -> bool:
        ended_well = self.status in _HEALTHY and not self.went_back
        return self.operation in _RUNS and ended_well and self.digest is not None


class State(NamedTuple):
    """A tenant, as far as the choice depends on it. `history` has the newest first."""

    tenant_id: str
    status: str
    revision: int
    history: Sequence[Past]

    @property
    def latest(self) -> Past | None:
        return next(iter(self.history), None)

    @property
    def is_stopped(self) -> bool:
        """Stopped, or on its way there: only the latest operation's failure leaves that open."""
        latest = self.latest
        stops = latest is not None and latest.operation == Operation.STOP and latest.status != "failed"
        return stops or self.status == "stopped"

    @property
    def runs(self) -> Iterator[Past]:
        return (past for past in self.history if past.operation in _RUNS)


class Choice(NamedTuple):
    """What an operation brings about. Without `source` nothing is to run."""

    source: Past | None
    notes: tuple[str, ...] = ()


def choose(operation: Operation, state: State, deployment_id: str | None = None) -> Choice:
    """The manifest of an operation. Raises Refused (CONFLICT) that says what to do instead, or DEPLOYMENT_NOT_FOUND."""
    if operation is Operation.STOP:
        return _stop(state)
    source = {Operation.START: _start, Operation.RESTART: _restart}.get(operation)
    past = source(state) if source else _roll_back(state, deployment_id)
    return Choice(past, _notes(state, past))


def _stop(state: State) -> Choice:
    if state.is_stopped:
        raise _refused(state, "it is stopped, or being stopped, already; POST .../start starts it")
    if state.latest is None:
        raise _refused(state, "it was never deployed, so that nothing of it runs")
    return Choice(None)


def _start(state: State) -> Past:
    latest = state.latest
    has_failed = latest is not None and latest.operation == Operation.START and latest.status == "failed"
    if not state.is_stopped and not has_failed:
        raise _refused(state, f"it is {state.status} and not stopped; POST .../restart gives it new pods")
    healthy = next((past for past in state.runs if past.was_healthy), None)
    if healthy is None:
        raise _refused(state, "no deployment of it was healthy yet; POST .../deploy deploys what it asks for")
    return healthy


def _restart(state: State) -> Past:
    if state.is_stopped:
        raise _refused(state, "it is stopped; POST .../start starts it")
    latest = state.latest
    if latest is not None and latest.status not in ENDED:
        raise _refused(
            state,
            f"its {latest.operation} is on its way, and a restart would take its place; wait for the end of it",
            deployment_id=latest.deployment_id,
        )
    present = next((past for past in state.runs if past.digest and past.status in _HEALTHY | {"failed"}), None)
    if present is None:
        raise _refused(state, "nothing of it runs; POST .../deploy deploys what it asks for")
    if present.went_back:
        return next((past for past in state.runs if past.was_healthy and past.digest == present.digest), present)
    return present


def _roll_back(state: State, deployment_id: str | None) -> Past:
    if state.is_stopped:
        raise _refused(state, "it is stopped; start it, and roll back then")
    if deployment_id is not None:
        return _chosen(state, deployment_id)
    present = next(state.runs, None)
    earlier = (
        past
        for past in state.runs
        if present is not None
        and past.generation < present.generation
        and past.was_healthy
        and past.digest != present.digest
    )
    found = next(earlier, None)
    if found is None:
        raise _refused(state, "nothing to roll back to: no earlier deployment with another manifest was healthy")
    return found


def _chosen(state: State, deployment_id: str) -> Past:
    found = next((past for past in state.history if past.deployment_id == deployment_id), None)
    if found is None:
        raise deployment_not_found(deployment_id)
    if not found.was_healthy:
        raise _refused(
            state,
            f"{deployment_id!r} can't be rolled back to: this {found.operation} is {found.status}; "
            "choose one that was completed",
            deployment_id=deployment_id,
        )
    return found


def _notes(state: State, past: Past) -> tuple[str, ...]:
    if past.revision == state.revision:
        return ()
    return (
        f"the manifest is revision {past.revision}'s; the tenant still asks for revision {state.revision}, "
        "which POST .../deploy brings about",
    )


def _refused(state: State, why: str, **details: str) -> Refused:
    return conflict(f"tenant {state.tenant_id!r}: {why}", existing_status=state.status, **details)
