"""What applying a manifest would change in a cluster: answers `rpc.diff`.

Each object is compared with a dry run of its apply by the API server, so that defaults and other notations of a value
are no difference. Fields of other managers have their owner: without `force_conflicts` a deployment would be refused.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from services.deployer.cluster.api import ClusterApi, ClusterRefused, ClusterUnavailable, KindUnknown, ref_of
from services.deployer.cluster.managed_fields import owner
from services.deployer.cluster.manifest_objects import is_extension, parse
from services.deployer.cluster.ownership import is_ours
from services.deployer.cluster.targets import TargetClusters
from services.deployer.reconcile.apply import not_smaller, of_same_size
from services.deployer.reconcile.prune import without
from services.deployer.state.records import ObjectRef, state_key
from services.deployer.state.repository import StateRepository
from shared.changes import FieldChange, ObjectChange
from shared.kube.changes import field_changes, object_change, summarized
from shared.kube.objects import Obj, is_terminating
from shared.process.tasks import cancel_until_ended
from shared.rpc import DiffReply, DiffRequest
from shared.tenants import NAMESPACE_PREFIX

T = TypeVar("T")
_AT_ONCE = 8
"""Requests to one cluster at the same time, for one diff."""
_SECONDS = 12.0
"""For the whole diff. Its caller waits a little longer."""
_MOST_BYTES = 512 * 1024
"""Of all field changes, as JSON: a message on the bus may have 2 MiB."""


class ComparedObject(NamedTuple):
    """An object, and what applying it would change; None if nothing, or if the cluster doesn't know its kind."""

    obj: Obj
    change: ObjectChange | None
    is_skipped: bool = False


class ClusterDiff:
    """The diffs of one mode."""

    def __init__(self, clusters: TargetClusters, states: StateRepository, seconds: float = _SECONDS) -> None:
        self._clusters = clusters
        self._states = states
        self._seconds = seconds

    async def answer(self, request: DiffRequest) -> DiffReply:
        """Raises UnknownTarget, InvalidManifest, ClusterRefused, and ClusterUnavailable, also after the deadline."""
        cluster = self._clusters.cluster(request.target)
        namespace = f"{NAMESPACE_PREFIX}{request.tenant_id}"
        objects = await asyncio.to_thread(parse, request.manifest, namespace)
        records = await self._states.read(state_key(request.target, request.tenant_id))
        inventory = records.applied.inventory if records.applied is not None and request.prune else ()
        unwanted = without(inventory, [ref_of(obj) for obj in objects])
        try:
            async with asyncio.timeout(self._seconds):
                compared = await _at_once([compare_object(cluster, obj, force=request.force) for obj in objects])
                removed = await _at_once([_removed(cluster, ref, request.tenant_id) for ref in unwanted])
        except TimeoutError as error:
            raise ClusterUnavailable(cluster.name, f"the diff took longer than {self._seconds:g} s") from error
        return _reply(request.target, compared, [each for each in removed if each is not None])


async def compare_object(cluster: ClusterApi, obj: Obj, *, force: bool) -> ComparedObject:
    """Compare one object of a manifest with a dry run of its apply."""
    live = await cluster.read(ref_of(obj))
    if live is None or is_terminating(live):
        return await _added(cluster, obj, live)
    try:
        fields = field_changes(live, await _preview(cluster, obj, live), partial(owner, live))
    except KindUnknown:
        return ComparedObject(obj, None, is_skipped=True)
    except ClusterRefused as refusal:
        # The message may repeat what it refuses.
        reason = "the API server refuses it" if obj["kind"] == "Secret" else refusal.message
        return ComparedObject(obj, object_change(obj, "changed", note=f"can't be applied: {reason}"))
    if not fields:
        return ComparedObject(obj, None)
    return ComparedObject(obj, object_change(obj, "changed", fields, None if force else _conflict(fields)))


async def _added(cluster: ClusterApi, obj: Obj, live: Obj | None) -> ComparedObject:
    """An object that doesn't exist. A kind of an extension may be unknown, which only an apply shows."""
    if is_extension(obj["apiVersion"]):
        try:
            await cluster.preview(obj)
        except KindUnknown:
            return ComparedObject(obj, None, is_skipped=True)
        except ClusterRefused:  # such as a namespace that doesn't exist yet
            pass
    note = None if live is None else "the present one is being deleted"
    return ComparedObject(obj, object_change(obj, "added", note=note))


async def _preview(cluster: ClusterApi, obj: Obj, live: Obj) -> Obj:
    """What an apply would store; volumes that the cluster can't change keep their sizes, as in a deployment."""
    possible = not_smaller(obj, live)
    try:
        return await cluster.preview(possible)
    except ClusterRefused:
        kept = of_same_size(possible, live)
        if kept is possible:
            raise
        return await cluster.preview(kept)


async def _removed(cluster: ClusterApi, ref: ObjectRef, tenant_id: str) -> ObjectChange | None:
    live = await cluster.read(ref)
    if live is None or is_terminating(live) or not is_ours(ref, live, tenant_id):
        return None
    return object_change(live, "removed")


async def _at_once(work: Sequence[Awaitable[T]]) -> list[T]:
    """The results of concurrent requests, in order. After an error, the others are cancelled."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def limited(each: Awaitable[T]) -> T:
        async with slots:
            return await each

    tasks = [asyncio.create_task(limited(each)) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel_until_ended(tasks)


def _conflict(fields: Iterable[FieldChange]) -> str | None:
    owners = sorted({each.owner for each in fields if each.owner is not None})
    if not owners:
        return None
    return f"{', '.join(owners)} set some of these fields: a deployment is refused without force_conflicts"


def _reply(target: str, compared: Sequence[ComparedObject], removed: Sequence[ObjectChange]) -> DiffReply:
    changes = [each.change for each in compared if each.change is not None]
    unchanged = sum(1 for each in compared if each.change is None and not each.is_skipped)
    skipped = tuple(f"{each.obj['kind']} {each.obj['metadata']['name']}" for each in compared if each.is_skipped)
    found = summarized(_bounded([*changes, *removed]), unchanged)
    return DiffReply(target=target, changes=found.changes, summary=found.summary, skipped=skipped)


def _bounded(changes: Iterable[ObjectChange]) -> list[ObjectChange]:
    """The changes; without fields from where the answer would become too large."""
    found, left = [], _MOST_BYTES
    for each in changes:
        left -= len(each.model_dump_json())
        if left < 0 and each.fields:
            note = f"its {len(each.fields)} field changes are left out, because the answer would be too large"
            found.append(each.model_copy(update={"fields": (), "note": note}))
        else:
            found.append(each)
    return found
