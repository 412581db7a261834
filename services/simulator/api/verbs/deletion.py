"""Delete and deletecollection: preconditions, grace periods and propagation to dependents.

With `propagationPolicy` Background (the default) the garbage collector deletes dependents later; Foreground and Orphan
add a finalizer to the object, which the collector removes when it has handled the dependents.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import admission, bodies
from services.simulator.api.verbs.reads import KeptLists, list_metadata, page
from services.simulator.api.verbs.writes import require
from shared.kube.objects import Obj, key_of
from shared.kube.semantics import Cause

_FINALIZERS: Final = {"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": None}
_SLICE: Final = 500


async def delete(call: Call) -> Answer:
    """DELETE of one object: its terminating state if it still exists, otherwise a Status of success."""
    options = await _options(call)
    await call.cluster.ready_to_write()
    live = require(call)
    _refuse_unmet(call, live, options)
    admission.refuse_kept_namespace(call.resource, call.target.name)
    if _is_dry_run(call, options):
        return Answer(200, _gone(call, live))
    left = _delete(call, live, options)
    await call.cluster.committed()
    return Answer(200, left if left is not None else _gone(call, live))


async def delete_collection(call: Call) -> Answer:
    """DELETE of the objects of a collection that the selectors match."""
    options = await _options(call)
    await call.cluster.ready_to_write()
    found = page(call, KeptLists())
    if not _is_dry_run(call, options):
        for index, record in enumerate(found.records):
            _delete(call, record.obj, options)
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)  # let other requests run
        await call.cluster.committed()
    resource = call.resource
    items = [record.obj for record in found.records]
    metadata = list_metadata(found, selected=True)
    return Answer(
        200, {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": items}
    )


async def _options(call: Call) -> dict[str, Any]:
    """DeleteOptions from body and parameters; the body takes precedence. Raises ApiError 400 and 422."""
    raw = await call.request.body()
    body = await bodies.read(raw, call.request.media_type) if raw.strip() else {}
    body = bodies.delete_options(body)
    options = {**body}
    if "propagationPolicy" in call.request.query:
        options.setdefault("propagationPolicy", call.request.query["propagationPolicy"])
    if (grace := call.request.number("gracePeriodSeconds")) is not None:
        options.setdefault("gracePeriodSeconds", grace)
    if options.get("orphanDependents"):
        options.setdefault("propagationPolicy", "Orphan")
    _refuse_bad_options(options)
    return options


def _refuse_bad_options(options: dict[str, Any]) -> None:
    policy = options.get("propagationPolicy")
    if policy is not None and policy not in _FINALIZERS:
        message = f'Unsupported value: "{policy}": supported values: "Background", "Foreground", "Orphan", "nil"'
        cause = Cause("propagationPolicy", "FieldValueNotSupported", message)
    elif options.get("dryRun") not in (None, [], ["All"]):
        cause = Cause("dryRun", "FieldValueNotSupported", 'Unsupported value: supported values: "All"')
    else:
        return
    raise errors.invalid_options("DeleteOptions", cause)


def _refuse_unmet(call: Call, live: Obj, options: dict[str, Any]) -> None:
    """Raise ApiError 409 if a precondition doesn't hold."""
    wanted = options.get("preconditions") or {}
    for name, shown, meta in (("uid", "UID", "uid"), ("resourceVersion", "ResourceVersion", "resourceVersion")):
        expected, found = wanted.get(name), live["metadata"][meta]
        if expected and expected != found:
            why = f"Precondition failed: {shown} in precondition: {expected}, {shown} in object meta: {found}"
            raise errors.conflict(call.resource, call.target.name, why)


def _is_dry_run(call: Call, options: dict[str, Any]) -> bool:
    return call.request.dry_run or options.get("dryRun") == ["All"]


def _delete(call: Call, live: Obj, options: dict[str, Any]) -> Obj | None:
    """Delete one object; returns it if it still exists."""
    namespace, name = key_of(live)
    store, resource = call.cluster.store, call.resource
    finalizer = _FINALIZERS[options.get("propagationPolicy") or "Background"]
    store.delete(resource.key, namespace, name, grace_seconds=options.get("gracePeriodSeconds"), finalizer=finalizer)
    return store.get(resource.key, namespace, name)


def _gone(call: Call, live: Obj) -> Obj:
    return errors.success(call.resource, call.target.name, live["metadata"]["uid"])
