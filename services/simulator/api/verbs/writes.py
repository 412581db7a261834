"""Create, update, patch and apply.

All have the same steps: find the current object, compute the new one (body, patch or apply), restore what this
endpoint can't change, set defaults, validate, record field owners, store. Nothing is awaited between reading the
current object and storing the new one, so that a write is atomic without locks.
"""

from __future__ import annotations

import random
from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.apply import field_managers, patches, typed
from services.simulator.api.apply.field_managers import FieldManager
from services.simulator.api.apply.strategic_merge import strategic_merge
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import admission, bodies
from services.simulator.api.validation.defaulting import with_defaults
from services.simulator.objects import with_metadata
from services.simulator.storage.store import AlreadyExists, Conflict
from shared.kube.objects import Obj, key_of
from shared.kube.semantics import Cause, validate
from shared.kube.texts import format_time
from shared.kube.validation import missing_required
from shared.merge_patch import merge_patch

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
PATCH_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)

_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_NAME_ATTEMPTS: Final = 8
_SET_BY_SERVER: Final = (
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


async def create(call: Call) -> Answer:
    """POST to a collection: 201 with the new object."""
    raw = await call.request.body()
    value = await bodies.read(raw, call.request.media_type)
    obj, warnings = await bodies.beside(raw, _decoded, call, value, raw)
    await call.cluster.ready_to_write()
    return await _finished(call, _create(call, obj), warnings, code=201)


async def update(call: Call) -> Answer:
    """PUT of an object or of its status: 200 with the new state."""
    raw = await call.request.body()
    value = await bodies.read(raw, call.request.media_type)
    obj, warnings = await bodies.beside(raw, _decoded, call, value, raw)
    await call.cluster.ready_to_write()
    live = require(call)
    _refuse_other_name(call, obj)
    return await _finished(call, store_update(call, live, obj), warnings)


async def patch(call: Call) -> Answer:
    """PATCH of an object or of its status in one of four formats: 200, or 201 if an apply creates the object."""
    media_type = call.request.media_type
    if media_type not in PATCH_TYPES:
        raise errors.unsupported_media_type(PATCH_TYPES)
    raw = await call.request.body()
    is_yaml = media_type == APPLY_PATCH and not raw.startswith(b"{")
    body = await (bodies.read_yaml(raw) if is_yaml else bodies.read_json(raw))
    await call.cluster.ready_to_write()
    if media_type == APPLY_PATCH:
        return await _apply(call, body)
    live = require(call)
    obj, warnings = _decoded(call, patched(live, body, media_type, call), None)
    _refuse_other_name(call, obj)
    return await _finished(call, store_update(call, live, obj), warnings)


def patched(live: Obj, body: Any, media_type: str, call: Call) -> Any:
    """`live` after a JSON, merge or strategic merge patch; not decoded yet."""
    if media_type == JSON_PATCH:
        return patches.json_patch(live, body)
    if not isinstance(body, dict):
        raise errors.bad_request("json: cannot unmarshal array into Go value of type map[string]interface {}")
    if media_type == MERGE_PATCH:
        return merge_patch(live, body)
    return strategic_merge(live, body, bodies.schema_of(call.resource))


def require(call: Call) -> Obj:
    """The object that the call names. Raises ApiError 404."""
    target = call.target
    obj = call.cluster.store.get(call.resource.key, target.namespace, target.name)
    if obj is None:
        raise errors.not_found(call.resource, target.name)
    return obj


async def _finished(call: Call, obj: Obj, warnings: list[str], code: int = 200) -> Answer:
    if not call.request.dry_run:
        await call.cluster.stored(call.resource.key, key_of(obj))
    return Answer(code, obj, tuple(warnings))


async def _apply(call: Call, body: Any) -> Answer:
    """Server-side apply."""
    if not call.request.query.get("fieldManager"):
        cause = Cause("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
        raise errors.invalid_options("PatchOptions", cause)
    config = _applied_configuration(call, body)
    live = call.cluster.store.get(call.resource.key, call.target.namespace, call.target.name)
    if live is None and call.target.subresource:
        raise errors.not_found(call.resource, call.target.name)
    merged = field_managers.apply(
        live,
        config,
        bodies.schema_of(call.resource),
        _manager(call, "Apply"),
        format_time(call.cluster.now()),
        force=call.request.flag("force"),
    )
    if live is None:
        return await _finished(call, _create(call, merged, record=False), [], code=201)
    return await _finished(call, store_update(call, live, merged, record=False), [])


def _applied_configuration(call: Call, body: Any) -> Obj:
    """The applied object without the fields that this endpoint ignores (`status`; at `/status` all others)."""
    target, resource = call.target, call.resource
    if isinstance(body, dict):
        _refuse_unmergeable(call, body)
    config, _ = bodies.typed_object(body, resource, validation="Ignore")
    config = _placed(call, config)
    _refuse_other_name(call, config)
    if target.subresource == "status":
        kept = ("apiVersion", "kind", "metadata", "status")
        return {name: value for name, value in config.items() if name in kept}
    if resource.has_status:
        return {name: value for name, value in config.items() if name != "status"}
    return config


def _refuse_unmergeable(call: Call, body: Obj) -> None:
    """Refuse an object that violates the schema, with a plain 500 as in a real API server."""
    target, resource = call.target, call.resource
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    try:
        typed.check(body, bodies.schema_of(resource))
    except typed.TypedError as error:
        what = f"{target.namespace}/{target.name}; {resource.group}/{resource.version}, Kind={resource.kind}"
        raise errors.unknown_failure(f"failed to create typed patch object ({what}): {error}") from error


def _decoded(call: Call, value: Any, raw: bytes | None) -> tuple[Obj, list[str]]:
    validation = call.request.query.get("fieldValidation") or "Warn"
    if call.request.media_type not in bodies.JSON_TYPES:
        raw = None
    obj, warnings = bodies.typed_object(value, call.resource, validation=validation, raw=raw)
    return _placed(call, obj), warnings


def _placed(call: Call, obj: Obj) -> Obj:
    """The object in the namespace of the URL. Raises ApiError 400 if it has another one."""
    sent, wanted = obj["metadata"].get("namespace", ""), call.target.namespace
    if sent and sent != wanted:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return with_metadata(obj, namespace=wanted) if wanted and not sent else obj


def _refuse_other_name(call: Call, obj: Obj) -> None:
    sent = obj["metadata"].get("name")
    if sent and sent != call.target.name:
        raise errors.bad_request(
            f"the name of the object ({sent}) does not match the name on the URL ({call.target.name})"
        )
    if not sent:
        obj["metadata"] = {"name": call.target.name, **obj["metadata"]}


def _manager(call: Call, operation: str) -> FieldManager:
    return FieldManager(operation, call.request.manager, call.resource.api_version, call.target.subresource)


def _create(call: Call, obj: Obj, *, record: bool = True) -> Obj:
    """Store a new object; `record` is False if its owners are recorded already."""
    resource, store = call.resource, call.cluster.store
    metadata = obj["metadata"]
    if not metadata.get("name") and not metadata.get("generateName"):
        cause = Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        raise errors.invalid(resource, "", [cause])
    if metadata.get("resourceVersion"):
        raise errors.unknown_failure("resourceVersion should not be set on objects to be created")
    if resource.namespaced:
        shown = metadata.get("name") or metadata["generateName"]
        admission.require_namespace(store, resource, call.target.namespace, shown)
    obj = with_metadata(obj, **dict.fromkeys(_SET_BY_SERVER))
    # A node is created with its status: the kubelet that registers it knows the capacity.
    if resource.has_status and resource.plural != "nodes":
        obj = {name: value for name, value in obj.items() if name != "status"}
    generated = not metadata.get("name")
    for attempt in range(_NAME_ATTEMPTS):
        named = with_metadata(obj, name=_generated_name(metadata["generateName"])) if generated else obj
        try:
            return _store_new(call, named, record=record)
        except AlreadyExists as error:
            if not generated or attempt == _NAME_ATTEMPTS - 1:
                raise errors.already_exists(resource, error.name) from error
    raise errors.internal("no free name was found")


def _generated_name(prefix: str) -> str:
    # Kubernetes shortens the prefix so that prefix and suffix fit a DNS label.
    return prefix[:58] + "".join(random.choices(_SUFFIX_ALPHABET, k=5))  # noqa: S311 (a name, not a secret)


def _store_new(call: Call, obj: Obj, *, record: bool) -> Obj:
    resource, store = call.resource, call.cluster.store
    obj = with_defaults(obj, bodies.schema_of(resource))
    _refuse_faults(call, obj, None)
    call.access.refuse_escalation(obj)
    obj = admission.initial_state(store, obj)
    if record:
        now = format_time(call.cluster.now())
        obj = field_managers.record_update(None, obj, bodies.schema_of(resource), _manager(call, "Update"), now)
    return store.create(resource.key, obj, dry_run=call.request.dry_run)


def store_update(call: Call, live: Obj, obj: Obj, *, record: bool = True) -> Obj:
    """Store a changed object; `record` is False if its owners are recorded already."""
    resource, store = call.resource, call.cluster.store
    uid = obj["metadata"].get("uid")
    if uid and uid != live["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
        raise errors.conflict(resource, call.target.name, why)
    obj = _through_endpoint(call, live, obj)
    obj = admission.updated_state(store, live, with_defaults(obj, bodies.schema_of(resource)))
    _refuse_faults(call, obj, live)
    if any(obj.get(field) != live.get(field) for field in ("rules", "subjects", "roleRef")):
        call.access.refuse_escalation(obj)
    admission.refuse_growth(store, resource, live, obj)
    if record:
        now = format_time(call.cluster.now())
        obj = field_managers.record_update(live, obj, bodies.schema_of(resource), _manager(call, "Update"), now)
    obj = field_managers.settled(live, obj)
    try:
        return store.replace(resource.key, obj, dry_run=call.request.dry_run)
    except Conflict as error:
        raise errors.modified_meanwhile(resource, call.target.name) from error


def _through_endpoint(call: Call, live: Obj, obj: Obj) -> Obj:
    """The changes that this endpoint allows: `/status` changes only the status, the object's path everything else."""
    kept = {name: live["metadata"].get(name) for name in _SET_BY_SERVER}
    if call.target.subresource == "status":
        metadata = {**live["metadata"], "managedFields": obj["metadata"].get("managedFields")}
        version = obj["metadata"].get("resourceVersion")
        changed = with_metadata({**live, "metadata": metadata}, resourceVersion=version)
        if "status" in obj:
            return {**changed, "status": obj["status"]}
        return {name: value for name, value in changed.items() if name != "status"}
    obj = with_metadata(obj, **kept)
    if not call.resource.has_status:
        return obj
    without = {name: value for name, value in obj.items() if name != "status"}
    return {**without, "status": live["status"]} if "status" in live else without


def _refuse_faults(call: Call, obj: Obj, live: Obj | None) -> None:
    """Raise ApiError 422 with every rule that the object violates."""
    causes = [
        Cause(path, "FieldValueRequired", "Required value")
        for path in missing_required(obj, bodies.schema_of(call.resource))
        if not path.startswith("status")
    ]
    named = {cause.field for cause in causes}
    causes += [cause for cause in validate(obj, live) if cause.field not in named]
    if causes:
        raise errors.invalid(call.resource, obj["metadata"].get("name", ""), causes)
