"""`/finalize` of a namespace: the only way to change `spec.finalizers`, which keep a namespace until it is empty."""

from __future__ import annotations

from services.simulator.api import errors
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import bodies
from services.simulator.api.verbs import writes
from services.simulator.storage.store import Conflict


async def finalize(call: Call) -> Answer:
    """PUT: replaces `spec.finalizers`; a terminating namespace without finalizers is removed."""
    raw = await call.request.body()
    value = await bodies.read(raw, call.request.media_type)
    obj, warnings = bodies.typed_object(value, call.resource, validation="Ignore")
    await call.cluster.ready_to_write()
    live = writes.require(call)
    spec = {**live["spec"], "finalizers": (obj.get("spec") or {}).get("finalizers") or []}
    version = obj["metadata"].get("resourceVersion") or live["metadata"]["resourceVersion"]
    try:
        wanted = {**live, "metadata": {**live["metadata"], "resourceVersion": version}, "spec": spec}
        left = call.cluster.store.replace(call.resource.key, wanted, dry_run=call.request.dry_run)
    except Conflict as error:
        raise errors.modified_meanwhile(call.resource, call.target.name) from error
    await call.cluster.committed()
    return Answer(200, left, tuple(warnings))
