"""Checks each object against its schema, and against the API server's further validation rules.

An API server stops at the first value of a wrong type. Here that value is removed and decoding is repeated, so that one
validation reports all of them.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from services.manifest.validation import deprecation
from services.manifest.validation.findings import MAX_FINDINGS, FindingCollector
from services.manifest.validation.manifest import ManifestObject
from services.manifest.validation.pointers import pointer_to
from shared.kube.definitions import Definitions, Schema, definitions
from shared.kube.kinds import CLUSTER_SCOPED
from shared.kube.objects import Obj
from shared.kube.semantics import Cause, validate
from shared.kube.validation import DecodeError, decode, missing_required
from shared.reading.yaml_text import Pointer, YamlDocument

_MOST_RETRIES = 20
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_REASONS = {
    "FieldValueRequired": "FIELD_REQUIRED",
    "FieldValueNotSupported": "FIELD_NOT_SUPPORTED",
    "FieldValueDuplicate": "FIELD_DUPLICATE",
    "FieldValueForbidden": "FIELD_FORBIDDEN",
    "FieldValueTooLong": "FIELD_TOO_LONG",
    "FieldValueNotFound": "FIELD_NOT_FOUND",
}


def objects_of(
    documents: tuple[YamlDocument, ...], findings: FindingCollector, namespace: str
) -> Iterator[ManifestObject]:
    """The objects of all documents, with `kind: List` expanded; `namespace` is the default of an object without one."""
    number = 0
    for document in documents:
        for base, value in _unfolded(document.value):
            if value is None:
                continue
            item = _item(number, document.index, base, value, namespace)
            number += 1
            if not isinstance(value, dict):
                findings.add("NOT_AN_OBJECT", item, found=_described(value))
            elif missing := next(
                (name for name in ("kind", "apiVersion") if not isinstance(value.get(name), str)), None
            ):
                findings.add("OBJECT_UNIDENTIFIED", item, (missing,) if missing in value else (), field=missing)
            else:
                yield item


def check_schema(item: ManifestObject, version: str, findings: FindingCollector) -> None:
    """Check fields, types and rules of one object; sets `item.value` to its normal form without invalid values."""
    known = definitions(version)
    schema = _schema(item, known, version, findings)
    if schema is None:
        return
    item.value = _decoded(item, schema, findings)
    item.typed = True
    for path in findings.room_for(missing_required(item.value, schema)):
        pointer = pointer_to(item.value, path)
        if not findings.has_one_at(item, pointer):
            findings.add("FIELD_REQUIRED", item, pointer, detail=f"{path}: Required value")
    _check_rules(item, findings)


def _check_rules(item: ManifestObject, findings: FindingCollector) -> None:
    for cause in findings.room_for((*validate(item.value), *_of_claims(item))):
        pointer = pointer_to(item.value, cause.field)
        code = _REASONS.get(cause.reason, "FIELD_INVALID")
        if code != "FIELD_REQUIRED" or not findings.has_one_at(item, pointer):
            findings.add(code, item, pointer, detail=f"{cause.field}: {cause.message}")


def _of_claims(item: ManifestObject) -> Iterator[Cause]:
    """Faults of claim templates: the API server accepts any, and the pods then wait for their claims."""
    if item.kind != "StatefulSet":
        return
    for index, template in enumerate((item.value.get("spec") or {}).get("volumeClaimTemplates") or ()):
        for cause in validate({**template, "kind": "PersistentVolumeClaim"}):
            yield Cause(f"spec.volumeClaimTemplates[{index}].{cause.field}", cause.reason, cause.message)


def _schema(item: ManifestObject, known: Definitions, version: str, findings: FindingCollector) -> Schema | None:
    group, _, group_version = item.api_version.rpartition("/")
    schema = known.for_kind(group, group_version, item.kind)
    change = deprecation.find(item.api_version, item.kind, version)
    if change is not None:
        end = f", and removed in {change.removed}" if change.removed else ""  # of the English text alone
        code = "API_REMOVED" if schema is None else "API_DEPRECATED"
        findings.add(
            code, item, ("apiVersion",), version=item.api_version, kind=item.kind, deprecated=change.deprecated,
            removed=change.removed or "never", end=end,
            replacement=_served(known, group, item.kind) or change.replacement,
        )  # fmt: skip
    elif schema is None and is_custom(group):
        findings.add("KIND_CUSTOM", item, version=item.api_version, kind=item.kind)
    elif schema is None:
        kubernetes = version.rpartition(".")[0]
        findings.add("KIND_UNKNOWN", item, ("kind",), version=item.api_version, kind=item.kind, kubernetes=kubernetes)
    return schema


def _served(known: Definitions, group: str, kind: str) -> str | None:
    """The most mature version of a kind in its group that this version of Kubernetes serves."""
    versions = [version for each, version, name in known.kinds() if (each, name) == (group, kind) and group]
    return f"{group}/{max(versions, key=_maturity)}" if versions else None


def _maturity(version: str) -> tuple[int, ...]:
    """Orders `v1alpha1`, `v1beta2`, `v1`, `v2`."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (-1,)
    stage = ("alpha", "beta", None).index(match[2])
    return stage, int(match[1]), int(match[3] or 0)


def is_custom(group: str) -> bool:
    """Whether a group is custom: Kubernetes' own have no dot, or end in `.k8s.io`."""
    return "." in group and not group.endswith(".k8s.io")


def _decoded(item: ManifestObject, schema: Schema, findings: FindingCollector) -> Obj:
    value = item.value
    for _ in range(_MOST_RETRIES):
        try:
            found = decode(value, schema)
        except DecodeError as error:
            pointer = _narrowed(value, pointer_to(value, error.path), schema)
            findings.add("WRONG_TYPE", item, pointer, detail=str(error))
            if not pointer:
                break
            value = _without(value, pointer)
        else:
            for name in found.unknown[: MAX_FINDINGS + 1]:
                _report_unknown(item, value, schema, name, findings)
            return found.value
    return {"apiVersion": item.api_version, "kind": item.kind, "metadata": {"name": item.name}}


def _narrowed(value: Any, pointer: Pointer, schema: Schema) -> Pointer:
    """The pointer of the invalid entry of a map, of which the API server reports only the map."""
    here, found = schema, value
    for token in pointer:
        inner = here.fields.get(str(token)) if here.type == "struct" else here.element
        if inner is None:
            return pointer
        here, found = inner, found[token]
    if here.type != "map" or not isinstance(found, dict):
        return pointer
    return next(((*pointer, key) for key, entry in found.items() if not _fits(key, entry, here)), pointer)


def _fits(key: str, entry: Any, schema: Schema) -> bool:
    try:
        decode({key: entry}, schema)
    except DecodeError:
        return False
    return True


def _report_unknown(item: ManifestObject, value: Obj, schema: Schema, name: str, findings: FindingCollector) -> None:
    pointer = pointer_to(value, name)
    meant = _meant(schema, pointer)
    hint = f' (did you mean "{meant}"?)' if meant else ""  # of the English text alone
    findings.add("UNKNOWN_FIELD", item, pointer, field=name, meant=meant or "none", hint=hint)


def _meant(schema: Schema, pointer: Pointer) -> str | None:
    """A known field with a similar spelling beside the unknown one."""
    here = schema
    for token in pointer[:-1]:
        found = here.fields.get(str(token)) if here.type == "struct" else here.element
        if found is None or found.type not in {"struct", "map", "list"}:
            return None
        here = found
    if here.type != "struct" or not pointer:
        return None
    return next(iter(get_close_matches(str(pointer[-1])[:64], here.fields, n=1)), None)


def _without(value: Any, pointer: Pointer) -> Any:
    """A copy without the value at the pointer; the following elements of a list move up."""
    token, *rest = pointer
    if isinstance(value, dict):
        if rest:
            return {**value, token: _without(value[token], tuple(rest))}
        return {key: child for key, child in value.items() if key != token}
    assert isinstance(token, int)  # noqa: S101 - a pointer into a list has numbers
    kept = [_without(value[token], tuple(rest))] if rest else []
    return [*value[:token], *kept, *value[token + 1 :]]


def _unfolded(value: Any, base: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    """The objects of a document, with lists expanded; the reader bounds their nesting."""
    if not _is_list(value):
        yield base, value
        return
    for index, each in enumerate(value.get("items") or ()):
        yield from _unfolded(_completed(each, value), (*base, "items", index))


def _is_list(value: Any) -> bool:
    """Whether it is a `List`, or a list of one kind such as `ConfigMapList`, as `kubectl get --output=yaml` prints."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return False
    if value["kind"] == "List":
        return value.get("apiVersion") == "v1" and isinstance(value.get("items", []), list | None)
    return value["kind"].endswith("List") and isinstance(value.get("items"), list)


def _completed(each: Any, parent: Obj) -> Any:
    """An object with the kind of its list, which objects in a list of one kind may omit."""
    if parent["kind"] == "List" or not isinstance(each, dict) or {"kind", "apiVersion"} & each.keys():
        return each
    return {"apiVersion": parent.get("apiVersion"), "kind": parent["kind"].removesuffix("List"), **each}


def _item(number: int, document: int, base: Pointer, value: Any, namespace: str) -> ManifestObject:
    fields = value if isinstance(value, dict) else {}
    metadata = fields.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kind, name = _text(fields.get("kind")), _text(metadata.get("name") or metadata.get("generateName"))
    place = "" if kind in CLUSTER_SCOPED else _text(metadata.get("namespace")) or namespace
    return ManifestObject(number, document, base, fields, _text(fields.get("apiVersion")), kind, place, name)


def _text(value: Any) -> str:
    return value[:253] if isinstance(value, str) else ""


def _described(value: Any) -> str:
    return "list" if isinstance(value, list) else "string" if isinstance(value, str) else "number or boolean"
