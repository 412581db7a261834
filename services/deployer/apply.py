"""Puts objects into a cluster and takes away what is no longer wanted.

What is ours is known by inventory, not by label: a copied label must never get somebody's object deleted. An object is
ours if it has the uid that we recorded, or if our field manager applied it, since we may have died between applying and
recording.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import structlog

from services.deployer.claims import describe_kept, has_claims, not_smaller, of_same_size
from services.deployer.cluster import (
    FIELD_MANAGER,
    TENANT_LABEL,
    Cluster,
    ClusterRefused,
    Kind,
    KindUnknown,
    NamespaceTerminating,
    Obj,
    kind_of,
    ref_of,
)
from services.deployer.desired import ObjectRef
from services.deployer.manifest import rank

_log = structlog.get_logger(__name__)
Step = Callable[[int, frozenset[Kind]], Awaitable[object]]


class Made(NamedTuple):
    """The objects of a manifest, the kinds that the cluster lacks, and notes on what can't be as it says."""

    refs: list[ObjectRef]
    skipped: frozenset[Kind]
    notes: list[str]


async def claim_namespace(cluster: Cluster, namespace: str, tenant_id: str) -> Obj | None:
    """The tenant's namespace if it is there. Raises ClusterRefused if it is somebody else's."""
    found = await cluster.read(ObjectRef(api_version="v1", kind="Namespace", name=namespace))
    if found is not None and (found["metadata"].get("labels") or {}).get(TENANT_LABEL) != tenant_id:
        raise ClusterRefused(
            f"Namespace {namespace} is there and is not ours: it has no label {TENANT_LABEL}={tenant_id}. "
            "Remove it, or give it the label if it may be taken over"
        )
    return found


def refuse_terminating(namespace: Obj | None) -> None:
    """Raise NamespaceTerminating if nothing can be made in it before it is gone."""
    if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
        raise NamespaceTerminating(f"namespace {namespace['metadata']['name']} to be gone")


async def apply_all(
    cluster: Cluster, objects: Sequence[Obj], *, force: bool, before: Callable[[], None], after: Step
) -> Made:
    """Apply `objects` one by one.

    Kinds of extensions are skipped with a warning; without one of Kubernetes' own the deployment would be another one.
    `before` may end it by raising, `after` hears how many are done.
    """
    made = Made([], frozenset(), [])
    for count, obj in enumerate(objects, 1):
        before()
        try:
            made.refs.append(ref_of(await apply_possible(cluster, obj, made.notes, force=force)))
        except KindUnknown as error:
            if not is_extension(obj["apiVersion"]):
                raise
            _log.warning(f"{ref_of(obj)} is skipped: {error.message}", action="skip-kind")
            made = made._replace(skipped=made.skipped | {kind_of(obj)})
        await after(count, made.skipped)
    return made


async def apply_possible(cluster: Cluster, obj: Obj, notes: list[str], *, force: bool) -> Obj:
    """Apply `obj`, with volumes of the size that they have where the cluster can't change it; `notes` tells of that."""
    live = await cluster.read(ref_of(obj)) if has_claims(obj) else None
    possible = not_smaller(obj, live)
    try:
        made = await cluster.apply(possible, force=force)
    except ClusterRefused as refusal:
        kept = of_same_size(possible, live)
        if kept is possible:
            raise
        made = await cluster.apply(kept, force=force)
        possible, reason = kept, refusal.message
    else:
        reason = "a volume can't be made smaller, nor a StatefulSet's be changed"
    if possible is not obj:
        note = f"{ref_of(obj)} stays at {describe_kept(obj, possible)} ({reason})"
        _log.warning(note, action="keep-size")
        notes.append(note)
    return made


async def prune(
    cluster: Cluster, refs: Iterable[ObjectRef], tenant_id: str, confirm: Callable[[], Awaitable[None]]
) -> None:
    """Delete those of `refs` that are there and still ours, in the reverse order of apply.

    `confirm` raises where somebody else is at the tenant by now. It is asked when the uid is known, so that what comes
    afterwards has another.
    """
    for ref in sorted(refs, key=lambda ref: -rank(ref.kind)):
        live = await cluster.read(ref)
        if live is None or not _is_ours(ref, live, tenant_id):
            continue
        await confirm()
        _log.info(f"{ref} is no longer wanted and is deleted.", action="prune")
        await cluster.remove(ref, uid=live["metadata"]["uid"])


def without(refs: Iterable[ObjectRef], wanted: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Those of `refs` that aren't the same objects as any of `wanted`."""
    identities = {ref.identity for ref in wanted}
    return [ref for ref in refs if ref.identity not in identities]


def _is_ours(ref: ObjectRef, live: Obj, tenant_id: str) -> bool:
    metadata = live["metadata"]
    if ref.kind == "Namespace" and (metadata.get("labels") or {}).get(TENANT_LABEL) != tenant_id:
        return False
    applied_by_us = any(
        each.get("manager") == FIELD_MANAGER and each.get("operation") == "Apply"
        for each in metadata.get("managedFields") or ()
    )
    return applied_by_us or metadata["uid"] == ref.uid


def is_extension(api_version: str) -> bool:
    """Whether a kind comes from a CustomResourceDefinition: Kubernetes' own groups have no dot or end in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")
