"""Wiring: settings -> adapters -> handlers and controller. Nothing connects before the worker starts."""

import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from nats.js.kv import KeyValue

from services.deployer.cluster.capacity import CapacityService
from services.deployer.cluster.targets import TargetClusters
from services.deployer.drift.watch import DriftWatcher
from services.deployer.handlers import Handlers
from services.deployer.reconcile.controller import Controller, World
from services.deployer.settings import DeployerSettings
from services.deployer.state.manifest_store import ManifestStore
from services.deployer.state.repository import StateRepository
from shared.bus import Worker
from shared.bus.leases import Leases
from shared.rpc import CapacityRequest, RoomRequest
from shared.subjects import DEPLOYER_ACCEPTS_MANIFESTS, DEPLOYER_ACCEPTS_OPERATIONS, Bucket, Mode, Rpc

_ANSWERS_AT_ONCE = 16
"""Requests for the state of clusters, which wait for one listing of each: a slow cluster holds up none of another."""


def build(settings: DeployerSettings) -> Worker:
    """The deployer as a worker."""
    worker = Worker("deployer", settings)
    targets = TargetClusters(settings)
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"
    worlds = {mode: _world(worker, mode, holder) for mode in Mode}
    manifests = {mode: world.manifests for mode, world in worlds.items()}
    capacity = CapacityService(targets, manifests, _now)
    controller = Controller(worlds, targets, worker.publisher, settings, _now, find_room=capacity.find_room)
    handlers = Handlers(
        {mode: world.states for mode, world in worlds.items()}, targets, controller.notice, controller.repeat_end
    )
    worker.on(DEPLOYER_ACCEPTS_MANIFESTS, handlers.accept_manifest)
    worker.on(DEPLOYER_ACCEPTS_OPERATIONS, handlers.accept_operation)
    worker.answer(Rpc.CAPACITY, CapacityRequest, capacity.answer_capacity, concurrency=_ANSWERS_AT_ONCE)
    worker.answer(Rpc.ROOM, RoomRequest, capacity.answer_room, concurrency=_ANSWERS_AT_ONCE)
    worker.background("controller", controller.run)
    for (mode, target), cluster in targets.all.items():
        watch = DriftWatcher(
            mode,
            target,
            cluster,
            states=worlds[mode].states,
            # Of a name of their own: a tenant at which the controller works is not ours to heal.
            leases=_leases(worker, mode, f"{holder}:drift"),
            manifests=worlds[mode].manifests,
            publisher=worker.publisher,
            clock=_now,
        )
        worker.background(f"drift {mode} {target}", watch.run)
    worker.closes(capacity.close)
    worker.closes(targets.close)
    return worker


def _now() -> datetime:
    return datetime.now(UTC)


def _world(worker: Worker, mode: Mode, holder: str) -> World:
    key_value: Callable[[Bucket], Awaitable[KeyValue]] = partial(worker.key_value, mode=mode)
    return World(
        StateRepository(key_value), _leases(worker, mode, holder), ManifestStore(partial(key_value, Bucket.MANIFESTS))
    )


def _leases(worker: Worker, mode: Mode, holder: str) -> Leases:
    return Leases(partial(worker.key_value, Bucket.LEASES, mode), holder)
