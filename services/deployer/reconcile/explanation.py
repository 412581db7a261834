"""The last word of a failure: what the cluster's own events say about the object that failed. Pure."""

from collections.abc import Iterable

from services.deployer.cluster.api import Kind, Obj
from services.deployer.health.snapshot import ObjectStatus
from services.deployer.reconcile.deadlines import DeploymentFailed

EVENT = Kind("v1", "Event")


def explain(failure: DeploymentFailed, events: Iterable[Obj]) -> DeploymentFailed:
    """`failure` with the newest warning about its object or its pods, unless it says the same already."""
    if failure.item is None:
        return failure
    warnings = [event for event in events if event.get("type") == "Warning" and _concerns(event, failure.item)]
    for event in sorted(warnings, key=_time, reverse=True):
        message = event.get("message", "")
        if message and message not in failure.message:
            text = f"{failure.message} ({event.get('reason')}: {message})"
            return DeploymentFailed(text, code=failure.code, item=failure.item)
    return failure


def remaining(namespace: Obj) -> str:
    """What keeps a namespace, in the namespace controller's words."""
    conditions = namespace.get("status", {}).get("conditions") or ()
    messages = [each.get("message", "") for each in conditions if each.get("status") == "True"]
    return "; ".join(message for message in messages if message) or "it is still being deleted"


def _concerns(event: Obj, item: ObjectStatus) -> bool:
    """Whether an event is about the object, one of its pods that aren't ready, or a ReplicaSet of it."""
    about = event.get("involvedObject", {})
    kind, name = about.get("kind"), about.get("name", "")
    if kind == "Pod":
        return any(note.name == name for note in item.waiting)
    if kind == "ReplicaSet":
        return bool(name.rpartition("-")[0] == item.ref.name)
    return bool((kind, name) == (item.ref.kind, item.ref.name))


def _time(event: Obj) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
