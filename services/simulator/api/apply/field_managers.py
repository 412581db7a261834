"""The owners of an object's fields (`metadata.managedFields`), and how writes change them.

An *update* (POST, PUT, PATCH) makes the writer the only owner of the fields that it changes. An *apply* contains all
fields that its manager owns: a field that it omits is removed unless another manager owns it, and a value that differs
from another owner's is a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.apply import field_sets, typed
from services.simulator.api.apply.field_sets import FieldSet, Path, written
from services.simulator.objects import with_metadata
from shared.kube.definitions import Schema
from shared.kube.objects import Obj

_BEFORE_FIRST_APPLY: Final = "before-first-apply"
_SERVER_METADATA: Final = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion",
    "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip
_UNOWNED: Final[FieldSet] = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",)] + [("f:metadata", f"f:{name}") for name in _SERVER_METADATA]
)
_MOST_UPDATERS: Final = 10


@dataclass(frozen=True, slots=True, order=True)
class FieldManager:
    """An owner of fields. `operation` is Apply or Update; one name has separate sets of fields for the two."""

    operation: str
    name: str
    api_version: str
    subresource: str = ""

    def described(self, time: str) -> str:
        """The manager as a conflict's message names it."""
        text = f'"{self.name}"' + (f' with subresource "{self.subresource}"' if self.subresource else "")
        if self.operation == "Apply":
            return text
        return f"{text} using {self.api_version}" + (f" at {time}" if time else "")


@dataclass(frozen=True, slots=True)
class OwnedFields:
    """The fields that a manager owns, and when this set last changed."""

    fields: FieldSet
    time: str = ""


Owners = dict[FieldManager, OwnedFields]


def owners_of(obj: Obj) -> Owners:
    """The owners in an object's managedFields. Raises ValueError if these are malformed."""
    owners: Owners = {}
    for entry in obj["metadata"].get("managedFields") or ():
        if entry.get("operation") in ("Apply", "Update") and "manager" in entry:
            manager = FieldManager(
                entry["operation"], entry["manager"], entry.get("apiVersion", ""), entry.get("subresource", "")
            )
            owners[manager] = OwnedFields(field_sets.decode(entry.get("fieldsV1") or {}), entry.get("time", ""))
    return owners


def with_owners(obj: Obj, owners: Owners) -> Obj:
    """The object with these owners in its managedFields, in Kubernetes' order."""
    entries = []
    for manager, owned in sorted(owners.items(), key=lambda item: (item[0].operation, item[1].time, item[0].name)):
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": field_sets.encode(owned.fields),
            "subresource": manager.subresource,
        }
        entries.append({name: value for name, value in entry.items() if value != ""})
    return with_metadata(obj, managedFields=entries or None)


def record_update(live: Obj | None, new: Obj, schema: Schema, manager: FieldManager, now: str) -> Obj:
    """`new` with its managedFields after an update by `manager`; `live` is None for a creation.

    Objects that only controllers wrote have no owners, and an update doesn't add any. A client can replace the owners
    by sending managedFields.
    """
    sent = new["metadata"].get("managedFields")
    if sent in ([{}], []):
        return with_metadata(new, managedFields=None)
    try:
        owners = owners_of(new)
    except ValueError:  # malformed managedFields are ignored, as in a real API server
        owners = {}
    owners = owners or (owners_of(live) if live else {})
    if live is not None and not owners:
        return with_metadata(new, managedFields=None)
    change = typed.compare(_bare(live) if live else {}, _bare(new), schema)
    changed = (change.added | change.modified) - _UNOWNED
    mine = owners.pop(manager, OwnedFields(frozenset()))
    remaining = _without(owners, changed | change.removed)
    fields = (mine.fields - change.removed) | changed
    if fields:
        remaining[manager] = mine if fields == mine.fields and not changed else OwnedFields(fields, now)
    return with_owners(new, _capped(remaining))


def apply(live: Obj | None, config: Obj, schema: Schema, manager: FieldManager, now: str, *, force: bool) -> Obj:
    """The object after `manager` applied `config` to `live` (None for a new object), with updated owners.

    `config` is decoded but not defaulted. Raises ApiError 409 with one cause for each field that another manager
    owns with another value, unless `force`.
    """
    present = live or {"metadata": {}}
    owners = owners_of(present)
    bare_live = _bare(present)
    if live is not None and not owners:
        first = FieldManager("Update", _BEFORE_FIRST_APPLY, manager.api_version)
        owners[first] = OwnedFields(typed.field_set(bare_live, schema) - _UNOWNED, now)
    last = owners.get(manager, OwnedFields(frozenset()))
    applied = typed.field_set(config, schema) - _UNOWNED
    merged = typed.merge(bare_live, config, schema)
    others = {other: owned for other, owned in owners.items() if other != manager}
    pruned = _prune(merged, schema, last.fields, applied, others)
    change = typed.compare(bare_live, pruned, schema)
    changed = (change.added | change.modified) - _UNOWNED
    if not force:
        _refuse_conflicts(others, changed)
    remaining = _without(others, changed | change.removed)
    if applied:
        remaining[manager] = OwnedFields(applied, now)
    return with_owners(pruned, remaining)


def settled(live: Obj, new: Obj) -> Obj:
    """`new`, with the owners of `live` if the two differ only in times of ownership.

    Otherwise an apply without effect would be a change: an atomic list is applied without its defaults, which are
    added only afterwards.
    """
    if _timeless(live) == _timeless(new):
        return with_metadata(new, managedFields=live["metadata"].get("managedFields"))
    return new


def _timeless(obj: Obj) -> Obj:
    entries = obj["metadata"].get("managedFields") or ()
    bare = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    bare.sort(key=lambda entry: (entry.get("operation", ""), entry.get("manager", ""), entry.get("subresource", "")))
    return with_metadata(obj, managedFields=bare or None, resourceVersion=None)


def _prune(
    merged: Obj, schema: Schema, last: FieldSet, applied: FieldSet, others: Mapping[FieldManager, OwnedFields]
) -> Obj:
    """Remove the fields of this manager's previous apply that no manager owns now, with their contents."""
    owned = applied.union(*(other.fields for other in others.values()))
    orphans = typed.with_named_parents(last, schema) - typed.with_named_parents(owned, schema) - _UNOWNED
    pruned: Obj = typed.remove(merged, schema, orphans) or {}
    return pruned


def _refuse_conflicts(others: Mapping[FieldManager, OwnedFields], changed: FieldSet) -> None:
    """Raise ApiError 409 if another manager owns a changed field."""
    found: list[tuple[str, Path]] = []
    for manager, owned in sorted(others.items()):
        found += [(manager.described(owned.time), path) for path in sorted(owned.fields & changed)]
    if not found:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": written(path)}
        for who, path in found
    ]
    if len(found) == 1:
        message = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {written(found[0][1])}"
    else:
        message = f"Apply failed with {len(found)} conflicts: {_grouped(found)}"
    raise errors.apply_conflict(message, causes)


def _grouped(found: list[tuple[str, Path]]) -> str:
    by_manager: dict[str, list[str]] = {}
    for who, path in found:
        by_manager.setdefault(who, []).append(f"- {written(path)}")
    return "\n".join("\n".join([f"conflicts with {who}:", *paths]) for who, paths in sorted(by_manager.items()))


def _without(owners: Mapping[FieldManager, OwnedFields], lost: FieldSet) -> Owners:
    """The owners without these fields; managers that own nothing else are dropped."""
    remaining = {}
    for manager, owned in owners.items():
        fields = owned.fields - lost
        if fields:
            remaining[manager] = owned if fields == owned.fields else replace(owned, fields=fields)
    return remaining


def _capped(owners: Owners) -> Owners:
    """Kubernetes' bound: of more than ten updaters the oldest are merged into one, `ancient-changes`."""
    updaters = sorted((m for m in owners if m.operation == "Update"), key=lambda m: owners[m].time)
    surplus = updaters[: max(0, len(updaters) - _MOST_UPDATERS)]
    if not surplus:
        return owners
    kept = {manager: owned for manager, owned in owners.items() if manager not in surplus}
    ancient = FieldManager("Update", "ancient-changes", surplus[0].api_version)
    fields = kept.pop(ancient, OwnedFields(frozenset())).fields.union(*(owners[m].fields for m in surplus))
    return {**kept, ancient: OwnedFields(fields, owners[surplus[-1]].time)}


def _bare(obj: Obj) -> dict[str, Any]:
    return with_metadata(obj, managedFields=None)
