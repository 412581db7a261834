"""Takes possession of a tenant's namespace, and deletes objects that are no longer wanted.

Nothing that others created is taken or deleted; `ownership` decides what is ours.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from services.deployer.cluster.api import ClusterApi, ClusterRefused, NamespaceTerminating
from services.deployer.cluster.ownership import foreign, is_ours
from services.deployer.state.records import ObjectRef
from shared.kube import labels
from shared.kube.manifest_text import rank
from shared.kube.objects import Obj, is_terminating

_log = structlog.get_logger(__name__)


class NamespaceNotOurs(ClusterRefused):
    """Others created the tenant's namespace."""

    code = "NAMESPACE_NOT_OURS"


async def claim_namespace(
    cluster: ClusterApi, namespace: str, tenant_id: str, inventory: Iterable[ObjectRef]
) -> Obj | None:
    """The tenant's namespace, or None if it doesn't exist. Raises NamespaceNotOurs."""
    bare = ObjectRef(api_version="v1", kind="Namespace", name=namespace)
    ref = next((each for each in inventory if each.identity == bare.identity), bare)
    found = await cluster.read(ref)
    if found is not None and not is_ours(ref, found, tenant_id):
        raise NamespaceNotOurs(
            f"Namespace {namespace} exists and is not ours: others created it. A label {labels.TENANT} doesn't hand it "
            "over, since deleting the tenant would delete all that is in it. Delete the namespace or use another "
            "tenant id, then deploy again"
        )
    return found


def refuse_terminating(namespace: Obj | None) -> None:
    """Raise NamespaceTerminating if nothing can be created in the namespace until it is gone."""
    if namespace is not None and is_terminating(namespace):
        raise NamespaceTerminating(f"namespace {namespace['metadata']['name']} to be gone")


async def prune(
    cluster: ClusterApi, refs: Sequence[ObjectRef], tenant_id: str, fence: Callable[[], Awaitable[None]]
) -> list[Obj]:
    """Delete those of `refs` that exist and are still ours, in the reverse order of apply.

    A namespace with objects of others stays; the result is those objects. `fence` raises if this replica is stale. It
    is called after the uid was read: an object that was created since then has another uid and stays.
    """
    left: list[Obj] = []
    for ref in sorted(refs, key=lambda ref: -rank(ref.kind)):
        live = await cluster.read(ref)
        if live is None or not is_ours(ref, live, tenant_id):
            continue
        if ref.kind == "Namespace" and (others := await objects_of_others(cluster, live, refs)):
            left += others
            continue
        await fence()
        _log.info(f"Pruned: {ref} is no longer wanted.", action="prune")
        await cluster.remove(ref, uid=live["metadata"]["uid"])
    return left


async def objects_of_others(cluster: ClusterApi, namespace: Obj, inventory: Iterable[ObjectRef]) -> list[Obj]:
    """The objects that others put into a namespace; none once it is being deleted."""
    if is_terminating(namespace):
        return []
    return foreign(await cluster.contents(namespace["metadata"]["name"]), inventory)


def without(refs: Iterable[ObjectRef], wanted: Iterable[ObjectRef]) -> list[ObjectRef]:
    """Those of `refs` that identify none of the objects in `wanted`."""
    identities = {ref.identity for ref in wanted}
    return [ref for ref in refs if ref.identity not in identities]
