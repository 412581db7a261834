"""Which manifest of a tenant's history a rollback, start, stop or restart runs, or why it is refused. Pure.

The tenant's row keeps its specification and revision, also while an earlier manifest runs. The row of each operation in
`deployments` has the digest and revision of the manifest that it runs.

    rollback   the last generation that was healthy with another manifest than the current one, or the chosen one
    start      the manifest that was healthy last; a deploy or a change starts a stopped tenant, too
    restart    the current manifest, in new pods
    stop       none
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.gateway.http.errors import conflict, deployment_not_found
from shared.errors import Refused
from shared.events import Operation
from shared.events.statuses import ENDED
from shared.messages import Sentence, sentence

_RUNS = frozenset({"deploy", Operation.ADOPT, Operation.ROLLBACK, Operation.START, Operation.RESTART})
"""Operations that run a manifest."""
_HEALTHY = frozenset({"completed", "rolled_back"})
_BROKEN_OFF = frozenset({"failed", "cancelled"})


class PastOperation(NamedTuple):
    """One operation of a tenant's history."""

    deployment_id: str
    operation: str
    generation: int
    revision: int
    status: str
    digest: str | None
    """The digest of the manifest that ran at its end; None before it is rendered, and for a stop."""

    @property
    def was_rolled_back(self) -> bool:
        """Whether it is a deploy that failed and was rolled back: its digest is that of an earlier one then."""
        return self.operation == "deploy" and self.status == "rolled_back"

    @property
    def was_healthy(self) -> bool:
        """Whether its manifest ran and was healthy."""
        ended_well = self.status in _HEALTHY and not self.was_rolled_back
        return self.operation in _RUNS and ended_well and self.digest is not None

    @property
    def is_broken_off(self) -> bool:
        """Whether it is a start that didn't complete, or a stop that was cancelled: some pods may not run."""
        is_start = self.operation == Operation.START and self.status in _BROKEN_OFF
        return is_start or (self.operation == Operation.STOP and self.status == "cancelled")


class TenantHistory(NamedTuple):
    """The part of a tenant that the choice depends on. `operations` are newest first."""

    tenant_id: str
    status: str
    revision: int
    operations: Sequence[PastOperation]

    @property
    def latest(self) -> PastOperation | None:
        """Its latest operation."""
        return next(iter(self.operations), None)

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped or being stopped. A failed or cancelled stop leaves it as it was."""
        latest = self.latest
        stops = latest is not None and latest.operation == Operation.STOP and latest.status not in _BROKEN_OFF
        return stops or self.status == "stopped"

    @property
    def runs(self) -> Iterator[PastOperation]:
        """Its operations that run a manifest."""
        return (past for past in self.operations if past.operation in _RUNS)


class ManifestChoice(NamedTuple):
    """The operation whose manifest is to run; None for a stop."""

    source: PastOperation | None
    notes: tuple[Sentence, ...] = ()

    @property
    def digest(self) -> str | None:
        """The digest of the manifest to run."""
        return self.source.digest if self.source else None


def choose(operation: Operation, tenant: TenantHistory, deployment_id: str | None = None) -> ManifestChoice:
    """The manifest of an operation.

    Raises Refused: CONFLICT with what to do instead, or DEPLOYMENT_NOT_FOUND.
    """
    if operation is Operation.STOP:
        return _stop(tenant)
    source = {Operation.START: _start, Operation.RESTART: _restart}.get(operation)
    past = source(tenant) if source else _roll_back(tenant, deployment_id)
    return ManifestChoice(past, _notes(tenant, past))


def _stop(tenant: TenantHistory) -> ManifestChoice:
    if tenant.is_stopped:
        raise _refused(tenant, "stopped-already", "it is stopped, or being stopped, already; POST .../start starts it")
    if tenant.latest is None:
        raise _refused(tenant, "never-deployed", "it was never deployed, so nothing of it runs")
    return ManifestChoice(None)


def _start(tenant: TenantHistory) -> PastOperation:
    latest = tenant.latest
    broken_off = latest is not None and latest.is_broken_off
    if not tenant.is_stopped and not broken_off:
        raise _refused(
            tenant, "not-stopped", f"it is {tenant.status} and not stopped; POST .../restart gives it new pods"
        )
    healthy = next((past for past in tenant.runs if past.was_healthy), None)
    if healthy is None:
        raise _refused(
            tenant, "never-healthy", "no deployment of it was healthy yet; POST .../deploy deploys its current revision"
        )
    return healthy


def _restart(tenant: TenantHistory) -> PastOperation:
    if tenant.is_stopped:
        raise _refused(tenant, "stopped-restart", "it is stopped; POST .../start starts it")
    latest = tenant.latest
    if latest is not None and latest.status not in ENDED:
        raise _refused(
            tenant,
            "operation-in-progress",
            f"its {latest.operation} is in progress, and a restart would supersede it; wait for its end",
            operation=latest.operation,
            deployment_id=latest.deployment_id,
        )
    current = next((past for past in tenant.runs if past.digest and past.status in _HEALTHY | {"failed"}), None)
    if current is None:
        raise _refused(tenant, "nothing-runs", "nothing of it runs; POST .../deploy deploys its current revision")
    if current.was_rolled_back:
        return next((past for past in tenant.runs if past.was_healthy and past.digest == current.digest), current)
    return current


def _roll_back(tenant: TenantHistory, deployment_id: str | None) -> PastOperation:
    if tenant.is_stopped:
        raise _refused(tenant, "stopped-rollback", "it is stopped; start it before the rollback")
    if deployment_id is not None:
        return _chosen(tenant, deployment_id)
    current = next(tenant.runs, None)
    earlier = (
        past
        for past in tenant.runs
        if current is not None
        and past.generation < current.generation
        and past.was_healthy
        and past.digest != current.digest
    )
    found = next(earlier, None)
    if found is None:
        raise _refused(
            tenant,
            "nothing-to-roll-back-to",
            "nothing to roll back to: no earlier deployment with another manifest was healthy",
        )
    return found


def _chosen(tenant: TenantHistory, deployment_id: str) -> PastOperation:
    found = next((past for past in tenant.operations if past.deployment_id == deployment_id), None)
    if found is None:
        raise deployment_not_found(deployment_id)
    if not found.was_healthy:
        raise _refused(
            tenant,
            "not-a-healthy-deployment",
            f"{deployment_id!r} can't be rolled back to: this {found.operation} is {found.status}; "
            "choose a completed one",
            deployment_id=deployment_id,
            operation=found.operation,
            status=found.status,
        )
    return found


def _notes(tenant: TenantHistory, past: PastOperation) -> tuple[Sentence, ...]:
    if past.revision == tenant.revision:
        return ()
    english = "the manifest is that of revision {of}; the tenant is at revision {at}, which POST .../deploy deploys"
    return (sentence("manifest-of-a-revision", english, of=past.revision, at=tenant.revision),)


def _refused(tenant: TenantHistory, message_id: str, why: str, **details: str) -> Refused:
    sentence = f"tenant {tenant.tenant_id!r}: {why}"
    return conflict(message_id, sentence, tenant_id=tenant.tenant_id, existing_status=tenant.status, **details)
