"""Puts objects into a cluster and takes away what is no longer wanted.

What is ours, `ownership` knows.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import (
    TENANT_LABEL,
    ClusterApi,
    ClusterRefused,
    Kind,
    KindUnknown,
    NamespaceTerminating,
    Obj,
    kind_of,
    ref_of,
)
from services.deployer.cluster.managed_fields import digest
from services.deployer.cluster.manifest_objects import rank
from services.deployer.cluster.ownership import foreign, is_ours
from services.deployer.reconcile.claims import describe_kept, has_claims, not_smaller, of_same_size
from services.deployer.state.records import ObjectRef

_log = structlog.get_logger(__name__)
Step = Callable[[int, frozenset[Kind]], Awaitable[object]]


class ApplyResult(NamedTuple):
    """The objects of a manifest, the kinds that the cluster lacks, and notes on what the cluster couldn't take."""

    refs: list[ObjectRef]
    skipped: frozenset[Kind]
    notes: list[str]


class NamespaceNotOurs(ClusterRefused):
    """The tenant's namespace is there, and others made it."""

    code = "NAMESPACE_NOT_OURS"


async def claim_namespace(
    cluster: ClusterApi, namespace: str, tenant_id: str, inventory: Iterable[ObjectRef]
) -> Obj | None:
    """The tenant's namespace if it is there. Raises NamespaceNotOurs if others made it."""
    bare = ObjectRef(api_version="v1", kind="Namespace", name=namespace)
    ref = next((each for each in inventory if each.identity == bare.identity), bare)
    found = await cluster.read(ref)
    if found is not None and not is_ours(ref, found, tenant_id):
        raise NamespaceNotOurs(
            f"Namespace {namespace} is there and is not ours: others made it, and a label {TENANT_LABEL} doesn't hand "
            "it over, since deleting the tenant would delete all that is in it. Delete the namespace or use another "
            "tenant id, then deploy again"
        )
    return found


def refuse_terminating(namespace: Obj | None) -> None:
    """Raise NamespaceTerminating if nothing can be made in it before it is gone."""
    if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
        raise NamespaceTerminating(f"namespace {namespace['metadata']['name']} to be gone")


async def apply_all(
    cluster: ClusterApi, objects: Sequence[Obj], *, force: bool, before: Callable[[], None], after: Step
) -> ApplyResult:
    """Apply `objects` one by one.

    Kinds of extensions are skipped with a warning; without one of Kubernetes' own the deployment would be another one.
    `before` may end it by raising, `after` hears how many are done.
    """
    made = ApplyResult([], frozenset(), [])
    for count, obj in enumerate(objects, 1):
        before()
        try:
            made.refs.append(recorded(await apply_possible(cluster, obj, made.notes, force=force)))
        except KindUnknown as error:
            if not is_extension(obj["apiVersion"]):
                raise
            _log.warning(f"{ref_of(obj)} is skipped: {error.message}", action="skip-kind")
            made = made._replace(skipped=made.skipped | {kind_of(obj)})
        await after(count, made.skipped)
    return made


def recorded(made: Obj) -> ObjectRef:
    """What to remember of an object that we have just applied."""
    return ref_of(made).model_copy(update={"fields": digest(made)})


async def apply_possible(cluster: ClusterApi, obj: Obj, notes: list[str], *, force: bool) -> Obj:
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
    cluster: ClusterApi, refs: Sequence[ObjectRef], tenant_id: str, confirm: Callable[[], Awaitable[None]]
) -> list[Obj]:
    """Delete those of `refs` that are there and still ours, in the reverse order of apply.

    A namespace with objects of others in it stays; these are the result. `confirm` raises where another copy has
    written the record. It is asked when the uid is known, so that what comes afterwards has another.
    """
    left: list[Obj] = []
    for ref in sorted(refs, key=lambda ref: -rank(ref.kind)):
        live = await cluster.read(ref)
        if live is None or not is_ours(ref, live, tenant_id):
            continue
        if ref.kind == "Namespace" and (others := await objects_of_others(cluster, live, refs)):
            left += others
            continue
        await confirm()
        _log.info(f"{ref} is no longer wanted and is deleted.", action="prune")
        await cluster.remove(ref, uid=live["metadata"]["uid"])
    return left


async def objects_of_others(cluster: ClusterApi, namespace: Obj, inventory: Iterable[ObjectRef]) -> list[Obj]:
    """What others have put into a namespace that isn't being deleted yet."""
    if namespace["metadata"].get("deletionTimestamp"):
        return []
    return foreign(await cluster.contents(namespace["metadata"]["name"]), inventory)


def without(refs: Iterable[ObjectRef], wanted: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Those of `refs` that aren't the same objects as any of `wanted`."""
    identities = {ref.identity for ref in wanted}
    return [ref for ref in refs if ref.identity not in identities]


def is_extension(api_version: str) -> bool:
    """Whether a kind comes from a CustomResourceDefinition: Kubernetes' own groups have no dot or end in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")
