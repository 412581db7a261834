"""Whether a tenant's pods fit on its target, asked of the deployer before anything is written.

An unknown answer is no reason to refuse: a cluster that is away or scales by itself accepts the deployment, with a
note. Two simultaneous operations may both find room for one of them; the deployer then fails one and names what is
short.
"""

from collections.abc import Mapping
from typing import Any

from services.gateway.workers import WorkerClient
from shared.catalog import Catalog
from shared.choices import ClusterOptions, placement_of
from shared.errors import DependencyUnavailable, Refused
from shared.events import DeployOptions
from shared.kube.placement import GPU
from shared.messages import Sentence, sentence
from shared.rpc import PodDemand, RoomReply, RoomRequest, Shortage
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import TenantSpec

INSUFFICIENT_RESOURCES = "INSUFFICIENT_RESOURCES"


class Admission:
    """The check for room on a target."""

    def __init__(self, workers: WorkerClient, catalog: Catalog) -> None:
        self._workers = workers
        self._catalog = catalog

    def room_for(self, target: str, spec: TenantSpec, sizing: Sizing) -> RoomRequest:
        """The request for the pods of a sizing, where `spec` lets them run."""
        pods = tuple(self._demand(service, spec.cluster_options) for service in sizing.services)
        return RoomRequest(target=target, tenant_id=spec.tenant_id, pods=pods)

    async def admit(self, request: RoomRequest, options: DeployOptions) -> tuple[Sentence, ...]:
        """Notes for the answer.

        Raises Refused (INSUFFICIENT_RESOURCES) if something is short and the deployment doesn't wait for capacity.
        """
        try:
            reply = await self._workers.room(request)
        except (DependencyUnavailable, Refused) as error:
            return (_unchecked(request.target, error.message),)
        if reply.unchecked is not None:
            return (_unchecked(request.target, reply.unchecked),)
        reply = reply.model_copy(update={"short": tuple(map(self._with_gpu_name, reply.short))})
        if not reply.is_short:
            return ()
        if options.wait_for_capacity:
            english = "waits for room on '{target}': {short}"
            return (sentence("waits-for-room", english, target=request.target, short=reply.sentence),)
        raise _refused(request.tenant_id, reply)

    def _demand(self, service: ServiceSizing, cluster: ClusterOptions) -> PodDemand:
        gpus = {GPU: str(service.gpu)} if service.gpu else {}
        product = self._catalog.gpus[service.gpu_type].product if service.gpu and service.gpu_type else None
        placement = placement_of(cluster, product)
        return PodDemand(
            name=service.service,
            count=service.replicas,
            requests={"cpu": f"{service.cpu_request_m}m", "memory": f"{service.memory_request_mib}Mi", **gpus},
            node_selector=placement.get("nodeSelector", {}),
            tolerations=tuple(_of_texts(each) for each in placement.get("tolerations", ())),
            labels={"app": service.service},
        )

    def _with_gpu_name(self, shortage: Shortage) -> Shortage:
        """With the catalogue's name of the GPU instead of the label of its nodes."""
        names = {gpu.product: name for name, gpu in self._catalog.gpus.items()}
        gpu_type = names.get(shortage.gpu_type, shortage.gpu_type) if shortage.gpu_type else None
        return shortage.model_copy(update={"gpu_type": gpu_type})


def _of_texts(toleration: Mapping[str, Any]) -> dict[str, str]:
    """A toleration without its seconds, which don't matter for room."""
    return {name: value for name, value in toleration.items() if isinstance(value, str)}


def _unchecked(target: str, reason: str) -> Sentence:
    return sentence("room-unchecked", "room on '{target}' was not checked: {reason}", target=target, reason=reason)


def _refused(tenant_id: str, reply: RoomReply) -> Refused:
    return Refused(
        f"{reply.target!r} has no room for tenant {tenant_id!r}: {reply.sentence}; ask for less, add nodes, or set "
        "options.wait_for_capacity to deploy when there is room",
        code=INSUFFICIENT_RESOURCES,
        details={"tenant_id": tenant_id, **reply.model_dump(mode="json", include={"target", "short", "unplaced"})},
    )
