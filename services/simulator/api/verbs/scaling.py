"""The `/scale` subresource: an `autoscaling/v1` Scale that represents `spec.replicas` of a workload."""

from __future__ import annotations

from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.apply import patches
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import bodies
from services.simulator.api.verbs import writes
from shared.kube.objects import Obj, key_of
from shared.kube.semantics import Cause
from shared.merge_patch import merge_patch

_API_VERSION: Final = "autoscaling/v1"
_REPLICAS_LIMIT: Final = 2**31
_MERGING: Final = (writes.MERGE_PATCH, writes.STRATEGIC_PATCH)


async def get(call: Call) -> Answer:
    """GET: the current Scale."""
    return Answer(200, scale_of(writes.require(call)))


async def update(call: Call) -> Answer:
    """PUT: sets the replicas of the Scale."""
    raw = await call.request.body()
    return await _set(call, await bodies.read(raw, call.request.media_type))


async def patch(call: Call) -> Answer:
    """PATCH of the Scale as JSON patch, merge patch or strategic merge patch."""
    media_type = call.request.media_type
    if media_type not in (writes.JSON_PATCH, *_MERGING):
        raise errors.unsupported_media_type((writes.JSON_PATCH, *_MERGING))
    body = await bodies.read_json(await call.request.body())
    scale = scale_of(writes.require(call))
    change = patches.json_patch if media_type == writes.JSON_PATCH else merge_patch
    return await _set(call, change(scale, body))


async def _set(call: Call, scale: Any) -> Answer:
    """Store `spec.replicas`; a resourceVersion in the Scale must be the current one."""
    await call.cluster.ready_to_write()
    live = writes.require(call)
    metadata, spec = _part(scale, "metadata"), _part(scale, "spec")
    replicas = spec.get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas >= _REPLICAS_LIMIT:
        raise errors.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go struct field'
            " ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise errors.invalid(call.resource, call.target.name, [Cause("spec.replicas", "FieldValueInvalid", message)])
    version = metadata.get("resourceVersion") or live["metadata"]["resourceVersion"]
    wanted = {
        **live,
        "metadata": {**live["metadata"], "resourceVersion": version},
        "spec": {**live["spec"], "replicas": replicas},
    }
    obj = writes.store_update(call, live, wanted)
    if not call.request.dry_run:
        await call.cluster.stored(call.resource.key, key_of(obj))
    return Answer(200, scale_of(obj))


def _part(scale: Any, name: str) -> Obj:
    part = scale.get(name) if isinstance(scale, dict) else scale
    if not isinstance(part or {}, dict):
        raise errors.bad_request(f'Scale in version "v1" cannot be handled as a Scale: {name} must be an object')
    return part or {}


def scale_of(obj: Obj) -> Obj:
    """The Scale of a Deployment, ReplicaSet or StatefulSet."""
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": _API_VERSION,
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": ",".join(_requirements(obj["spec"].get("selector") or {})),
        },
    }


def _requirements(selector: Obj) -> list[str]:
    """A LabelSelector in the form of a request parameter."""
    texts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        if operator in ("In", "NotIn"):
            texts.append(f"{key} {operator.lower()} ({','.join(expression['values'])})")
        else:
            texts.append(key if operator == "Exists" else f"!{key}")
    return texts
