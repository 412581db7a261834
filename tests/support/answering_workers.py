"""What deployer and monitor answer, for tests of the gateway: the monitor really, the deployer as from a cluster.

The monitor has the gateway's databases, its own rights, and no background tasks: it samples nothing. The deployer's
events are published by tests themselves, so a whole one would deploy what they only want to be requested.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from services.monitor import app as monitor
from services.monitor.settings import MonitorSettings
from shared.changes import ChangeSummary
from shared.roles import MONITOR
from shared.rpc import (
    CapacityReply,
    CapacityRequest,
    DiffReply,
    DiffRequest,
    FoundWorkload,
    InspectReply,
    InspectRequest,
    NodeCapacity,
)
from shared.subjects import Rpc
from tests.support.deployer_part import Answers, answering
from tests.support.gateway import Gateway
from tests.support.service_logins import logging_in

_CALLBOT = FoundWorkload(kind="Deployment", name="callbot", replicas=2, image="registry.example.com/ecp-ai/callbot:1")
_NODE = NodeCapacity(name="node-1", allocatable={"cpu": "16", "memory": "64Gi"}, free={"cpu": "8", "memory": "32Gi"})


def deployer_answers() -> Mapping[Rpc, Answers[Any, Any]]:
    """One node, a namespace with one workload, and no difference between it and what would be deployed."""
    target = "simulator"
    unchanged = ChangeSummary(added=0, removed=0, changed=0, unchanged=1)
    found = InspectReply(target=target, exists=True, adopted=("Deployment callbot",), workloads=(_CALLBOT,))
    return {
        Rpc.CAPACITY: Answers(CapacityRequest, CapacityReply(target=target, nodes=(_NODE,))),
        Rpc.DIFF: Answers(DiffRequest, DiffReply(target=target, changes=(), summary=unchanged)),
        Rpc.INSPECT: Answers(InspectRequest, found),
    }


@asynccontextmanager
async def answering_monitor(gateway: Gateway) -> AsyncIterator[None]:
    """A monitor that answers the gateway's requests and stores what is sent to it, and does nothing by itself."""
    ours = gateway.settings
    settings = MonitorSettings(
        nats_url=ours.nats_url,
        database_url=logging_in(ours.database_url, MONITOR),
        demo_database_url=logging_in(ours.demo_database_url, MONITOR),
    )
    worker = monitor.build(settings)
    worker._background.clear()
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()


@asynccontextmanager
async def answering_workers(gateway: Gateway) -> AsyncIterator[None]:
    """Both."""
    async with answering_monitor(gateway), answering(gateway.settings.nats_url, deployer_answers()):
        yield
