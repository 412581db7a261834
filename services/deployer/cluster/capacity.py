"""What a target's nodes have, and whether a tenant's pods have room there: `rpc.capacity`, `rpc.room`, and deployments.

A cluster is listed by one request at a time and at most every few seconds, however many ask: to list all pods of a
large cluster costs its API server, and this process, more than all else that they do.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from services.deployer.cluster.api import ClusterApi, ClusterRefused, Kind, Obj
from services.deployer.cluster.manifest_objects import parse
from services.deployer.cluster.room import groups_of, judge
from services.deployer.cluster.targets import TargetClusters
from services.deployer.cluster.usage import ClusterUsage, capacities, state_of
from services.deployer.state.manifest_store import ManifestStore
from services.deployer.state.records import ObjectRef
from shared.fresh import Fresh
from shared.kube.placement import PodGroup
from shared.kube.quantities import parse as quantity
from shared.rpc import CapacityReply, CapacityRequest, PodDemand, RoomReply, RoomRequest
from shared.subjects import Mode
from shared.tenants import NAMESPACE_PREFIX

FRESH_SECONDS = 2.0
"""How old a cluster's state may be: a dashboard shows no more, and a deployment takes longer to make its pods."""
_PROMISED_FOR = timedelta(seconds=10)
"""How long pods count that were found to have room and are not there: applying a manifest takes less."""
_NODE, _POD = Kind("v1", "Node"), Kind("v1", "Pod")
_AUTOSCALER_STATUS = ObjectRef(
    api_version="v1", kind="ConfigMap", namespace="kube-system", name="cluster-autoscaler-status"
)


class CapacityService:
    """The state of each target. Its methods raise UnknownTarget, ClusterUnavailable and ClusterRefused."""

    def __init__(
        self,
        targets: TargetClusters,
        manifests: Mapping[Mode, ManifestStore],
        clock: Callable[[], datetime],
        seconds: float = FRESH_SECONDS,
    ) -> None:
        self._targets = targets
        self._manifests = manifests
        self._clock = clock
        self._states: Fresh[tuple[Mode, str], ClusterUsage] = Fresh(self._look, seconds)
        self._promised: dict[tuple[Mode, str], dict[str, tuple[datetime, Sequence[PodGroup]]]] = {}

    async def answer_capacity(self, request: CapacityRequest, mode: Mode) -> CapacityReply:
        """Nodes that take pods now."""
        state = await self._states.get((mode, request.target))
        return CapacityReply(target=request.target, nodes=tuple(capacities(state)))

    async def answer_room(self, request: RoomRequest, mode: Mode) -> RoomReply:
        """Whether a tenant's pods have room. Raises InvalidManifest for a digest of none."""
        namespace = f"{NAMESPACE_PREFIX}{request.tenant_id}"
        if request.digest is None:
            return await self._judge(mode, request.target, namespace, [_group(each) for each in request.pods])
        objects = parse(await self._manifests[mode].fetch(request.digest), namespace)
        return await self._judge(mode, request.target, namespace, groups_of(objects))

    async def find_room(self, mode: Mode, target: str, namespace: str, objects: Sequence[Obj]) -> RoomReply:
        """Whether the pods of `objects` have room; if so it is kept for them against others for a while."""
        groups = groups_of(objects)
        reply = await self._judge(mode, target, namespace, groups)
        promised = self._promised.setdefault((mode, target), {})
        promised.pop(namespace, None)
        if not reply.is_short:
            promised[namespace] = (self._clock() + _PROMISED_FOR, groups)
        return reply

    async def close(self) -> None:
        await self._states.close()

    async def _judge(self, mode: Mode, target: str, namespace: str, groups: Sequence[PodGroup]) -> RoomReply:
        state = await self._states.get((mode, target))
        if (growing := self._targets.grows(target) or state.grows) is not None:
            return RoomReply(target=target, unchecked=f"the cluster grows by itself: {growing}")
        verdict = judge(state, namespace, groups, self._promises(mode, target))
        return RoomReply(target=target, short=verdict.short, unplaced=verdict.unplaced)

    def _promises(self, mode: Mode, target: str) -> dict[str, Sequence[PodGroup]]:
        now = self._clock()
        promised = self._promised.get((mode, target), {})
        # Later than promised is what was before the clock was set back.
        for namespace in [each for each, (until, _) in promised.items() if not now < until <= now + _PROMISED_FOR]:
            del promised[namespace]
        return {namespace: groups for namespace, (_, groups) in promised.items()}

    async def _look(self, key: tuple[Mode, str]) -> ClusterUsage:
        cluster = self._targets.cluster(*key)
        nodes, pods, has_status = await asyncio.gather(
            cluster.list(_NODE, ""), cluster.list(_POD, ""), _has_autoscaler_status(cluster)
        )
        # In a thread: ten thousand pods take a second.
        return await asyncio.to_thread(state_of, nodes.items, pods.items, has_autoscaler_status=has_status)


async def _has_autoscaler_status(cluster: ClusterApi) -> bool:
    try:
        return await cluster.read(_AUTOSCALER_STATUS) is not None
    except ClusterRefused:
        return False


def _group(demand: PodDemand) -> PodGroup:
    requests = {name: quantity(value) for name, value in demand.requests.items()}
    return PodGroup(demand.name, demand.count, requests, demand.node_selector, demand.tolerations, labels=demand.labels)
