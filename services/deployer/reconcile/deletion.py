"""Deletes what was deployed of a tenant, and stops at what isn't ours.

A namespace goes with all that is in it. One that others made stays; one that we made stays with what others have put
into it. Then the deletion fails with the names of what was left, when all that was deployed is deleted.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from services.deployer.cluster.api import Obj, ref_of
from services.deployer.cluster.ownership import describe
from services.deployer.reconcile.apply import NamespaceNotOurs, claim_namespace, objects_of_others, prune
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed
from services.deployer.reconcile.explanation import remaining
from services.deployer.state.records import DesiredState, ObjectRef
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import PermanentError
from shared.tenants import NAMESPACE_PREFIX

_LONGEST_PAUSE = 2.0


class NamespaceNotEmpty(PermanentError):
    """What is ours is deleted, and objects of others keep the namespace."""

    code = "NAMESPACE_NOT_EMPTY"


class Deletion:
    """One tenant's. `check` raises where a newer generation has come."""

    def __init__(
        self,
        desired: DesiredState,
        ledger: StatusRecorder,
        patience: Deadlines,
        ports: ReconcileContext,
        check: Callable[[], None],
    ) -> None:
        self._desired = desired
        self._ledger = ledger
        self._patience = patience
        self._ports = ports
        self._cluster = ports.cluster
        self._check = check
        self._namespace = f"{NAMESPACE_PREFIX}{desired.tenant_id}"

    async def run(self) -> None:
        """Work until nothing of ours is left. Raises NamespaceNotEmpty."""
        inventory = self._ledger.applied.inventory
        try:
            found = await claim_namespace(self._cluster, self._namespace, self._desired.tenant_id, inventory)
        except NamespaceNotOurs:
            await self._prune([ref for ref in inventory if ref.kind != "Namespace"])
            await self._ledger.deleted(f"deleted; Namespace {self._namespace} is not ours and stays")
            return
        if found is not None and (left := await objects_of_others(self._cluster, found, inventory)):
            await self._delete_around(left, found)
        await self._prune([ref for ref in inventory if self._is_outside(ref)])
        if found is not None:
            await self._delete_namespace(found)
        self._check()
        await self._ledger.deleted()

    async def _delete_namespace(self, found: Obj) -> None:
        await self._ledger.confirm()
        await self._cluster.remove(ref_of(found), uid=found["metadata"]["uid"])
        if not self._desired.force:
            await self._until_gone(ref_of(found))

    async def _delete_around(self, left: Sequence[Obj], namespace: Obj) -> NoReturn:
        """Delete what we made, and nothing else."""
        await self._prune([ref for ref in self._ledger.applied.inventory if ref.kind != "Namespace"])
        await self._ledger.take_stock([ref_of(namespace)])
        raise NamespaceNotEmpty(
            f"what was deployed is deleted; Namespace {self._namespace} stays, because others have put objects into "
            f"it: {describe(left)}. Delete or move them, then delete the tenant again"
        )

    async def _prune(self, refs: Sequence[ObjectRef]) -> None:
        await prune(self._cluster, refs, self._desired.tenant_id, self._ledger.confirm)

    async def _until_gone(self, namespace: ObjectRef) -> None:
        """Wait for the namespace to disappear, or to be another one of the same name."""
        pause = 0.1
        while (found := await self._cluster.read(namespace)) is not None:
            self._check()
            if found["metadata"]["uid"] != namespace.uid:
                return
            if self._patience.is_over(self._ports.clock()):
                raise DeploymentFailed(f"{namespace} is not gone in time: {remaining(found)}")
            self._ports.make_way()
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _is_outside(self, ref: ObjectRef) -> bool:
        """Whether deleting the namespace leaves the object where it is."""
        return ref.namespace != self._namespace and (ref.kind, ref.name) != ("Namespace", self._namespace)
