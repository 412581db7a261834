"""What an adoption of a namespace would do: answers `rpc.inspect`."""

import asyncio
from collections.abc import Iterable

from services.deployer.cluster.api import ClusterApi, ClusterUnavailable
from services.deployer.cluster.found_workloads import found_workloads
from services.deployer.cluster.targets import TargetClusters
from services.deployer.reconcile.adopt import contents_of, plan_for, read_namespace
from shared.kube.objects import Obj
from shared.rpc import InspectReply, InspectRequest, LeftObject
from shared.tenants import NAMESPACE_PREFIX

_SECONDS = 12.0
_MOST_LISTED = 500
"""Objects of each list in an answer."""


class Inspection:
    """The inspections of one mode."""

    def __init__(self, clusters: TargetClusters, seconds: float = _SECONDS) -> None:
        self._clusters = clusters
        self._seconds = seconds

    async def answer(self, request: InspectRequest) -> InspectReply:
        """Raises UnknownTarget, ClusterRefused, and ClusterUnavailable, also after the deadline."""
        cluster = self._clusters.cluster(request.target)
        try:
            async with asyncio.timeout(self._seconds):
                return await _inspect(cluster, request)
        except TimeoutError as error:
            raise ClusterUnavailable(cluster.name, f"the inspection took longer than {self._seconds:g} s") from error


async def _inspect(cluster: ClusterApi, request: InspectRequest) -> InspectReply:
    namespace = await read_namespace(cluster, f"{NAMESPACE_PREFIX}{request.tenant_id}")
    if namespace is None:
        return InspectReply(target=request.target, exists=False)
    contents = await contents_of(cluster, namespace)
    plan = await plan_for(cluster, namespace, contents, request.tenant_id)
    left = (LeftObject(object=_name(each.obj), reason=each.reason) for each in plan.left)
    return InspectReply(
        target=request.target,
        exists=True,
        adopted=_listed(map(_name, plan.objects)),
        left_alone=tuple(left)[:_MOST_LISTED],
        conflicts=_listed(plan.conflicts),
        workloads=tuple(found_workloads(contents)),
    )


def _listed(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)[:_MOST_LISTED]


def _name(obj: Obj) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"
