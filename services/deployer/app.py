"""Wiring: settings -> adapters -> handlers and controller. Nothing connects before the worker starts."""

import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from nats.js.kv import KeyValue

from services.deployer.capacity import answer_capacity
from services.deployer.controller import Controller, World
from services.deployer.handlers import Handlers
from services.deployer.leases import Leases
from services.deployer.manifests import Manifests
from services.deployer.settings import DeployerSettings
from services.deployer.states import States
from services.deployer.targets import Targets
from shared.bus import Worker
from shared.rpc import CapacityRequest
from shared.subjects import DEPLOYER_ACCEPTS_MANIFESTS, DEPLOYER_ACCEPTS_OPERATIONS, Bucket, Mode, Rpc


def build(settings: DeployerSettings) -> Worker:
    """The deployer as a worker."""
    worker = Worker("deployer", settings)
    targets = Targets(settings)
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"
    worlds = {mode: _world(worker, mode, holder) for mode in Mode}
    controller = Controller(worlds, targets, worker.publisher, settings, clock=lambda: datetime.now(UTC))
    handlers = Handlers(
        {mode: world.states for mode, world in worlds.items()}, targets, controller.notice, controller.repeat_end
    )
    worker.on(DEPLOYER_ACCEPTS_MANIFESTS, handlers.accept_manifest)
    worker.on(DEPLOYER_ACCEPTS_OPERATIONS, handlers.accept_operation)
    worker.answer(Rpc.CAPACITY, CapacityRequest, partial(answer_capacity, targets=targets))
    worker.background("controller", controller.run)
    worker.closes(targets.close)
    return worker


def _world(worker: Worker, mode: Mode, holder: str) -> World:
    key_value: Callable[[Bucket], Awaitable[KeyValue]] = partial(worker.key_value, mode=mode)
    leases = Leases(partial(key_value, Bucket.LEASES), holder)
    return World(States(key_value), leases, Manifests(partial(key_value, Bucket.MANIFESTS)))
