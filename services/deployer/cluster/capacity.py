"""The capacity of a mode's targets: answers `rpc.capacity` and `rpc.room`, and checks deployments for room.

A cluster is listed by one request at a time and at most every few seconds, however many ask: listing all pods of a
large cluster costs its API server, and this process, more than all their other work.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.deployer.cluster.api import NODE, POD, ClusterApi, ClusterRefused
from services.deployer.cluster.room import groups_of, judge
from services.deployer.cluster.targets import TargetClusters
from services.deployer.cluster.usage import ClusterUsage, capacities, usage_of
from services.deployer.state.manifest_reader import ManifestReader
from services.deployer.state.records import ObjectRef
from shared.fresh import Fresh
from shared.kube.objects import Obj
from shared.kube.placement import PodGroup
from shared.kube.quantities import parse as quantity
from shared.rpc import CapacityReply, CapacityRequest, PodDemand, RoomReply, RoomRequest
from shared.tenants import NAMESPACE_PREFIX

FRESH_SECONDS = 2.0
"""How old a cluster's state may be: a dashboard shows no more, and creating a deployment's pods takes longer."""
_RESERVED_FOR = timedelta(seconds=10)
"""How long pods that were found to have room count before they exist: applying a manifest takes less."""
_AUTOSCALER_STATUS = ObjectRef(
    api_version="v1", kind="ConfigMap", namespace="kube-system", name="cluster-autoscaler-status"
)


class CapacityService:
    """The capacity of one mode's targets. All methods raise UnknownTarget, ClusterUnavailable and ClusterRefused."""

    def __init__(
        self,
        clusters: TargetClusters,
        manifests: ManifestReader,
        clock: Callable[[], datetime],
        seconds: float = FRESH_SECONDS,
    ) -> None:
        self._clusters = clusters
        self._manifests = manifests
        self._clock = clock
        self._usages: Fresh[str, ClusterUsage] = Fresh(self._list_usage, seconds)
        self._reserved: dict[str, dict[str, tuple[datetime, Sequence[PodGroup]]]] = {}
        """By target and namespace: until when pods count, and which."""

    async def answer_capacity(self, request: CapacityRequest) -> CapacityReply:
        """The schedulable nodes of a target with what they have left."""
        usage = await self._usages.get(request.target)
        return CapacityReply(target=request.target, nodes=tuple(capacities(usage)))

    async def answer_room(self, request: RoomRequest) -> RoomReply:
        """Whether a tenant's pods have room. Raises ManifestMissing and InvalidManifest for a request by digest."""
        namespace = f"{NAMESPACE_PREFIX}{request.tenant_id}"
        if request.digest is None:
            return await self._judge(request.target, namespace, [_group(each) for each in request.pods])
        objects = await self._manifests.objects(request.digest, namespace)
        return await self._judge(request.target, namespace, groups_of(objects))

    async def find_room(self, target: str, namespace: str, objects: Sequence[Obj]) -> RoomReply:
        """Whether the pods of `objects` have room; if so, it is reserved for them for a short time."""
        groups = groups_of(objects)
        reply = await self._judge(target, namespace, groups)
        reserved = self._reserved.setdefault(target, {})
        reserved.pop(namespace, None)
        if not reply.is_short:
            reserved[namespace] = (self._clock() + _RESERVED_FOR, groups)
        return reply

    async def close(self) -> None:
        """End listings that are still running."""
        await self._usages.close()

    async def _judge(self, target: str, namespace: str, groups: Sequence[PodGroup]) -> RoomReply:
        usage = await self._usages.get(target)
        if (growing := self._clusters.grows(target) or usage.grows) is not None:
            return RoomReply(target=target, unchecked=f"the cluster grows by itself: {growing}")
        verdict = judge(usage, namespace, groups, self._reservations(target))
        return RoomReply(target=target, short=verdict.short, unplaced=verdict.unplaced)

    def _reservations(self, target: str) -> dict[str, Sequence[PodGroup]]:
        now = self._clock()
        reserved = self._reserved.get(target, {})
        # Beyond the longest reservation lies only what was reserved before the clock was set back.
        for namespace in [each for each, (until, _) in reserved.items() if not now < until <= now + _RESERVED_FOR]:
            del reserved[namespace]
        return {namespace: groups for namespace, (_, groups) in reserved.items()}

    async def _list_usage(self, target: str) -> ClusterUsage:
        cluster = self._clusters.cluster(target)
        nodes, pods, has_status = await asyncio.gather(
            cluster.list(NODE, ""), cluster.list(POD, ""), _has_autoscaler_status(cluster)
        )
        # In a thread: ten thousand pods take a second.
        return await asyncio.to_thread(usage_of, nodes.items, pods.items, has_autoscaler_status=has_status)


async def _has_autoscaler_status(cluster: ClusterApi) -> bool:
    try:
        return await cluster.read(_AUTOSCALER_STATUS) is not None
    except ClusterRefused:
        return False


def _group(demand: PodDemand) -> PodGroup:
    requests = {name: quantity(value) for name, value in demand.requests.items()}
    return PodGroup(demand.name, demand.count, requests, demand.node_selector, demand.tolerations, labels=demand.labels)
