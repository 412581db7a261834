"""Deletes what was deployed for a tenant, and nothing that others created.

Deleting a namespace deletes all that is in it. Hence a namespace that others created stays, and one of ours stays if
others put objects into it. Then the deletion fails with the names of those objects, after all of ours are deleted.
"""

from collections.abc import Sequence
from typing import NoReturn

from services.deployer.cluster.api import ref_of
from services.deployer.cluster.ownership import describe
from services.deployer.reconcile.deadlines import DeploymentFailed, describe_terminating
from services.deployer.reconcile.prune import NamespaceNotOurs, objects_of_others
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.records import ObjectRef
from shared.errors import PermanentError
from shared.kube.objects import Obj
from shared.process.backoff import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two reads of a namespace that is being deleted."""


class NamespaceNotEmpty(PermanentError):
    """All our objects are deleted, and objects of others keep the namespace."""

    code = "NAMESPACE_NOT_EMPTY"


class Deletion:
    """The deletion of one tenant."""

    def __init__(self, work: TenantWork) -> None:
        self._work = work
        self._recorder = work.recorder

    async def run(self) -> None:
        """Return when none of our objects is left. Raises NamespaceNotEmpty."""
        inventory = self._work.applied.inventory
        try:
            namespace = await self._work.claim_namespace()
        except NamespaceNotOurs:
            await self._work.prune([ref for ref in inventory if ref.kind != "Namespace"])
            await self._recorder.delete(f"deleted; Namespace {self._work.namespace} is not ours and stays")
            return
        if namespace is not None and (left := await objects_of_others(self._work.cluster, namespace, inventory)):
            await self._delete_around(left, namespace)
        await self._work.prune([ref for ref in inventory if self._is_outside(ref)])
        if namespace is not None:
            await self._delete_namespace(namespace)
        self._work.check()
        await self._recorder.delete()

    async def _delete_namespace(self, namespace: Obj) -> None:
        await self._recorder.fence()
        await self._work.cluster.remove(ref_of(namespace), uid=namespace["metadata"]["uid"])
        if not self._work.desired.force:
            await self._wait_until_gone(ref_of(namespace))

    async def _delete_around(self, left: Sequence[Obj], namespace: Obj) -> NoReturn:
        """Delete our objects one by one, and keep the namespace."""
        await self._work.prune([ref for ref in self._work.applied.inventory if ref.kind != "Namespace"])
        await self._recorder.record_inventory([ref_of(namespace)])
        raise NamespaceNotEmpty(
            f"what was deployed is deleted; Namespace {self._work.namespace} stays, because others have put objects "
            f"into it: {describe(left)}. Delete or move them, then delete the tenant again"
        )

    async def _wait_until_gone(self, namespace: ObjectRef) -> None:
        """Wait until the namespace doesn't exist, or is another one of the same name."""
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, factor=1.5)
        while (found := await self._work.cluster.read(namespace)) is not None:
            self._work.check()
            if found["metadata"]["uid"] != namespace.uid:
                return
            if self._work.is_over:
                raise DeploymentFailed(f"{namespace} is not gone in time: {describe_terminating(found)}")
            self._work.context.check_slot()
            await backoff.sleep()

    def _is_outside(self, ref: ObjectRef) -> bool:
        """Whether deleting the namespace doesn't delete the object."""
        namespace = self._work.namespace
        return ref.namespace != namespace and (ref.kind, ref.name) != ("Namespace", namespace)
