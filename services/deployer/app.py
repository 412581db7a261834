"""Wiring: settings -> a context for each mode -> handlers, controllers and drift watchers.

Nothing connects before the worker starts.
"""

import os
import socket
import uuid
from collections.abc import Mapping

from services.deployer.cluster.capacity import CapacityService
from services.deployer.drift.watcher import DriftWatcher
from services.deployer.handlers import Handlers
from services.deployer.mode_context import ModeContext
from services.deployer.preview.cluster_diff import ClusterDiff
from services.deployer.preview.inspection import Inspection
from services.deployer.reconcile.controller import Controller
from services.deployer.settings import DeployerSettings
from shared.bus import SMALL_BATCH, Delivery, Worker
from shared.events import Event, ManifestRendered, OperationRequested
from shared.rpc import (
    CapacityReply,
    CapacityRequest,
    DiffReply,
    DiffRequest,
    InspectReply,
    InspectRequest,
    RoomReply,
    RoomRequest,
)
from shared.subjects import DEPLOYER_ACCEPTS_MANIFESTS, DEPLOYER_ACCEPTS_OPERATIONS, Mode, Rpc

_REQUESTS_AT_ONCE = 16
"""Concurrent RPC requests. Each waits for a listing of one cluster; a slow cluster must not block the others."""


_DIFFS_AT_ONCE = 4
"""Concurrent diffs: each makes two requests for each object of a manifest."""


def build(settings: DeployerSettings) -> Worker:
    """The deployer as a worker."""
    worker = Worker("deployer", settings)
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"
    contexts = {mode: ModeContext.build(worker.bus(mode), settings, holder) for mode in Mode}
    capacities = {
        mode: CapacityService(context.clusters, context.manifests, context.clock) for mode, context in contexts.items()
    }
    handlers: dict[Mode, Handlers] = {}
    for mode, context in contexts.items():
        controller = Controller(context, settings, find_room=capacities[mode].find_room)
        handlers[mode] = Handlers(context.states, context.clusters, controller.enqueue, controller.repeat_end)
        worker.background(f"controller {mode}", controller.run)
        for target in context.clusters.all:
            worker.background(f"drift {mode} {target}", DriftWatcher(context, target).run)
        worker.closes(capacities[mode].close)
        worker.closes(context.clusters.close)
    _preview(worker, contexts)
    _route(worker, handlers)
    _answer(worker, capacities)
    return worker


def _route(worker: Worker, handlers: Mapping[Mode, Handlers]) -> None:
    """Pass each message to the objects of its mode, which the subject determines."""

    async def accept_manifest(event: ManifestRendered, delivery: Delivery) -> list[Event]:
        return await handlers[delivery.mode].accept_manifest(event, delivery)

    async def accept_operation(event: OperationRequested, delivery: Delivery) -> list[Event]:
        return await handlers[delivery.mode].accept_operation(event, delivery)

    worker.on(DEPLOYER_ACCEPTS_MANIFESTS, accept_manifest, batch=SMALL_BATCH)
    worker.on(DEPLOYER_ACCEPTS_OPERATIONS, accept_operation, batch=SMALL_BATCH)


def _answer(worker: Worker, capacities: Mapping[Mode, CapacityService]) -> None:
    """Answer each request by the objects of its mode."""

    async def answer_capacity(request: CapacityRequest, mode: Mode) -> CapacityReply:
        return await capacities[mode].answer_capacity(request)

    async def answer_room(request: RoomRequest, mode: Mode) -> RoomReply:
        return await capacities[mode].answer_room(request)

    worker.answer(Rpc.CAPACITY, CapacityRequest, answer_capacity, concurrency=_REQUESTS_AT_ONCE)
    worker.answer(Rpc.ROOM, RoomRequest, answer_room, concurrency=_REQUESTS_AT_ONCE)


def _preview(worker: Worker, contexts: Mapping[Mode, ModeContext]) -> None:
    """Answer what an operation would change."""
    diffs = {mode: ClusterDiff(context.clusters, context.states) for mode, context in contexts.items()}
    inspections = {mode: Inspection(context.clusters) for mode, context in contexts.items()}

    async def answer_diff(request: DiffRequest, mode: Mode) -> DiffReply:
        return await diffs[mode].answer(request)

    async def answer_inspect(request: InspectRequest, mode: Mode) -> InspectReply:
        return await inspections[mode].answer(request)

    worker.answer(Rpc.DIFF, DiffRequest, answer_diff, concurrency=_DIFFS_AT_ONCE)
    worker.answer(Rpc.INSPECT, InspectRequest, answer_inspect, concurrency=_DIFFS_AT_ONCE)
