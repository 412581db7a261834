"""Get and list, with selectors, pages and representations.

A continue token has the version of its list. The objects of that version are kept for a while, as references, so that
the pages of a list are consistent. A token whose list is no longer kept is answered 410, as by etcd after compaction.
"""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.simulator.api import errors
from services.simulator.api.cluster_backend import EncodedObject
from services.simulator.api.representations import tables
from services.simulator.api.representations.tables import partial_metadata
from services.simulator.api.routing.calls import Call
from services.simulator.api.routing.responses import Accepted
from services.simulator.api.validation.selectors import Predicate, both, field_predicate, label_predicate
from services.simulator.resources import Resource
from services.simulator.storage.watch_log import StoredObject
from shared.kube.objects import Obj
from shared.reading import InvalidText, parse_json, uint64

_KEPT_LISTS: Final = 32
_SLICE: Final = 500
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter."
)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: objects, their version, the token of the next page, and how many objects remain.

    Computed objects have no version.
    """

    records: Sequence[EncodedObject]
    version: int | None = None
    token: str = ""
    remaining: int = 0


class KeptLists:
    """Unfinished paged lists, by their selection and version; the oldest are dropped first."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, str, str, int], list[StoredObject]] = OrderedDict()

    def keep(self, key: tuple[str, str, str, int], records: list[StoredObject]) -> None:
        """Keep the objects of a list that has more pages."""
        self._lists[key] = records
        self._lists.move_to_end(key)
        while len(self._lists) > _KEPT_LISTS:
            self._lists.popitem(last=False)

    def find(self, key: tuple[str, str, str, int]) -> list[StoredObject] | None:
        """The objects of a list; None if they are no longer kept."""
        return self._lists.get(key)


def selection(call: Call) -> Predicate | None:
    """The predicate of the call's selectors and name; None if there are none."""
    query, target = call.request.query, call.target
    chosen = both(label_predicate(query.get("labelSelector", "")), field_predicate(query.get("fieldSelector", "")))
    if target.name:
        chosen = both(chosen, lambda obj: obj["metadata"]["name"] == target.name)
    return chosen


def page(call: Call, kept: KeptLists) -> ListPage:
    """The requested page. Raises ApiError: 410 for an old token, 504 for a future version."""
    store, target, query = call.cluster.store, call.target, call.request.query
    token = query.get("continue", "")
    # A negative limit means no limit, as in a real API server.
    limit = max(0, call.request.number("limit") or 0)
    call.request.number("timeoutSeconds")
    begin = 0
    if token:
        version, begin = read_token(token)
    else:
        version = store.version
        _refuse_other_version(call, version)
    key = (
        call.cluster.name,
        call.resource.key,
        f"{target.namespace}?{query.get('labelSelector')}&{query.get('fieldSelector')}",
        version,
    )
    matching = kept.find(key) if token else _matching(call)
    if matching is None:
        raise errors.expired(_TOO_OLD)
    end = begin + limit if limit else len(matching)
    if end >= len(matching):
        return ListPage(matching[begin:], version)
    kept.keep(key, matching)
    return ListPage(matching[begin:end], version, _token(version, end), len(matching) - end)


def _matching(call: Call) -> list[StoredObject]:
    namespace = call.target.namespace or None
    chosen = selection(call)
    records = call.cluster.store.records(call.resource.key, namespace)
    return [record for record in records if chosen is None or chosen(record.obj)]


def _refuse_other_version(call: Call, current: int) -> None:
    wanted = parse_version(call)
    if wanted > current:
        raise errors.future_version(wanted, current)
    if call.request.query.get("resourceVersionMatch") == "Exact" and wanted != current:
        raise errors.expired(f"The resourceVersion for the provided list is too old: {wanted} ({current})")


def parse_version(call: Call) -> int:
    """The resourceVersion parameter; 0 if absent. Raises ApiError 400."""
    text = call.request.query.get("resourceVersion", "")
    try:
        return uint64(text) if text else 0
    except InvalidText as error:
        shown = text[:100]
        message = f'invalid resource version "{shown}": resourceVersion: Invalid value: "{shown}": {error}'
        raise errors.bad_request(message) from error


def _token(version: int, begin: int) -> str:
    return (
        base64.urlsafe_b64encode(orjson.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": begin}))
        .decode()
        .rstrip("=")
    )


def read_token(token: str) -> tuple[int, int]:
    """The version and the position of a continue token. Raises ApiError 400."""
    try:
        read = parse_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise errors.bad_request("continue key is not valid: illegal base64 data") from error
    places = (read.get("rv"), read.get("start")) if isinstance(read, dict) else (None, None)
    match places:
        case (int(version), int(begin)) if version >= 0 and begin >= 0:
            return version, begin
    raise errors.bad_request("continue key is not valid: encoded start key is not known")


def list_metadata(found: ListPage, *, selected: bool) -> dict[str, Any]:
    """The ListMeta of a page."""
    metadata: dict[str, Any] = {} if found.version is None else {"resourceVersion": str(found.version)}
    if found.token:
        metadata["continue"] = found.token
        if not selected:
            metadata["remainingItemCount"] = found.remaining
    return metadata


async def encoded_list(call: Call, found: ListPage, accepted: Accepted) -> AsyncIterator[bytes]:
    """A page as chunks of JSON, in the negotiated shape."""
    selected = bool(call.request.query.get("labelSelector") or call.request.query.get("fieldSelector"))
    metadata = list_metadata(found, selected=selected)
    if accepted.shape == "table":
        head, member = {**tables.table_head(call.resource), "metadata": metadata}, "rows"
    else:
        head, member = _list_head(call.resource, accepted, metadata), "items"
    yield orjson.dumps(head)[:-1] + b',"' + member.encode() + b'":['
    for start in range(0, len(found.records), _SLICE):
        pieces = [_encoded(call, record, accepted) for record in found.records[start : start + _SLICE]]
        yield (b"," if start else b"") + b",".join(pieces)
        await asyncio.sleep(0)  # let other requests run
    yield b"]}\n"


def _list_head(resource: Resource, accepted: Accepted, metadata: dict[str, Any]) -> dict[str, Any]:
    if accepted.shape == "metadata":
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}


def _encoded(call: Call, record: EncodedObject, accepted: Accepted) -> bytes:
    if accepted.shape == "table":
        return orjson.dumps(tables.table_row(call.resource, record.obj, call.cluster.now(), include_object(call)))
    if accepted.shape == "metadata":
        return orjson.dumps(partial_metadata(record.obj))
    return record.encoded


def include_object(call: Call) -> str:
    """How much of each object a Table includes: Metadata (the default), Object or None."""
    return call.request.query.get("includeObject", "Metadata")


def shaped(call: Call, obj: Obj, accepted: Accepted) -> Obj:
    """One object in the negotiated shape."""
    if accepted.shape == "table" and obj.get("kind") == call.resource.kind:
        row = tables.table_row(call.resource, obj, call.cluster.now(), include_object(call))
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return {**tables.table_head(call.resource), "metadata": metadata, "rows": [row]}
    if accepted.shape == "metadata" and "metadata" in obj and obj.get("kind") == call.resource.kind:
        return partial_metadata(obj)
    return obj


def computed_page(call: Call) -> ListPage:
    """The objects of metrics.k8s.io that the call selects, which have no version, on one page."""
    if call.resource.kind == "NodeMetrics":
        records = call.cluster.node_metrics()
    else:
        records = call.cluster.pod_metrics(call.target.namespace or None)
    chosen = selection(call)
    return ListPage([record for record in records if chosen(record.obj)] if chosen else records)
