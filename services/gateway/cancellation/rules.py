"""Whether an operation can be cancelled, or why not. Pure."""

from typing import NamedTuple

from services.gateway.http.errors import conflict
from shared.events import Operation
from shared.events.statuses import ENDED, DeploymentStatus
from shared.messages import Sentence, sentence


class OperationInProgress(NamedTuple):
    """The part of an operation that the decision depends on."""

    deployment_id: str
    tenant_id: str
    operation: str
    status: DeploymentStatus
    generation: int
    latest: int
    """The generation of the tenant's latest operation."""
    is_asked: bool
    """Whether a cancel was accepted before."""


def decide(found: OperationInProgress) -> tuple[bool, Sentence]:
    """Whether the deployer has to be asked, and the message of the answer. Raises Refused (CONFLICT)."""
    if found.status == "cancelled":
        return False, sentence("cancelled-already", "it was cancelled")
    _refuse(found)
    if found.is_asked:
        return False, sentence("cancel-in-progress", "it is being cancelled")
    return True, sentence("cancel-requested", "it will be cancelled; what was applied stays")


def _refuse(found: OperationInProgress) -> None:
    if found.status in ENDED:
        raise conflict(
            "ended-already",
            f"deployment {found.deployment_id!r} has ended: this {found.operation} is {found.status}; "
            "only an operation in progress can be cancelled",
            deployment_id=found.deployment_id,
            operation=found.operation,
            existing_status=found.status,
        )
    if found.operation == Operation.DELETE:
        raise conflict(
            "deletion-not-cancelled",
            f"the deletion of tenant {found.tenant_id!r} can't be cancelled, because a part of it may be gone; "
            "wait for its end, then create the tenant again",
            tenant_id=found.tenant_id,
            existing_status=found.status,
        )
    if found.generation < found.latest:
        raise conflict(
            "being-superseded",
            f"deployment {found.deployment_id!r} is being superseded by a later operation on tenant "
            f"{found.tenant_id!r}; cancel that one",
            deployment_id=found.deployment_id,
            tenant_id=found.tenant_id,
            existing_status=found.status,
        )
