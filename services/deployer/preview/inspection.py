"""What an adoption of a namespace would do: answers `rpc.inspect`."""

import asyncio
from collections.abc import Iterable

from services.deployer.cluster.adoption import ADOPTED
from services.deployer.cluster.api import ClusterApi, ClusterRefused, ClusterUnavailable
from services.deployer.cluster.found_workloads import found_workloads
from services.deployer.cluster.ownership import foreign
from services.deployer.cluster.targets import TargetClusters
from services.deployer.reconcile.adopt import contents_of, plan_for, read_namespace
from shared.kube.objects import Obj
from shared.rpc import InspectReply, InspectRequest, LeftObject
from shared.tenants import NAMESPACE_PREFIX

_SECONDS = 12.0
_MOST_LISTED = 500
"""Objects of each list in an answer."""
_MOST_BYTES = 1024 * 1024
"""Of an answer: a message on the bus may have 2 MiB, and a larger one would be no answer at all."""


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
                return _bounded(await _inspect(cluster, request), request.tenant_id)
        except TimeoutError as error:
            raise ClusterUnavailable(cluster.name, f"the inspection took longer than {self._seconds:g} s") from error


async def _inspect(cluster: ClusterApi, request: InspectRequest) -> InspectReply:
    namespace = await read_namespace(cluster, f"{NAMESPACE_PREFIX}{request.tenant_id}")
    if namespace is None:
        return InspectReply(target=request.target, exists=False, foreign=())
    contents = await contents_of(cluster, namespace)
    plan = await plan_for(cluster, namespace, contents, request.tenant_id)
    left = (LeftObject(object=_name(each.obj), reason=each.reason) for each in plan.left)
    return InspectReply(
        target=request.target,
        exists=True,
        adopted=_listed(map(_name, plan.objects)),
        left_alone=tuple(left)[:_MOST_LISTED],
        foreign=_listed(_name(each) for each in foreign(contents, ()) if each["kind"] in ADOPTED),
        conflicts=_listed(plan.conflicts),
        workloads=tuple(found_workloads(contents)),
    )


def _bounded(reply: InspectReply, tenant_id: str) -> InspectReply:
    """`reply`. Raises ClusterRefused if it is too large: left out variables would be lost by the adoption."""
    size = len(reply.model_dump_json().encode())
    if size > _MOST_BYTES:
        advice = "move large values of their environment variables into ConfigMaps"
        reason = f"what can be adopted of its workloads has {size:,} bytes, and at most {_MOST_BYTES:,} can be shown"
        raise ClusterRefused(f"Namespace {NAMESPACE_PREFIX}{tenant_id}: {reason}; {advice}")
    return reply


def _listed(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)[:_MOST_LISTED]


def _name(obj: Obj) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"
