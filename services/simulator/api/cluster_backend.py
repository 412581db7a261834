"""What the API needs of one cluster: its objects, its clock, its metrics, and to know when a change is durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from services.simulator.storage.store import Store
from shared.kube.objects import Obj


async def _nothing_to_wait_for() -> None:
    """For a cluster that lives in memory only."""


@dataclass(frozen=True, slots=True)
class ClusterBackend:
    """One cluster behind the API.

    `ready_to_write` returns once a write can be made durable, and `committed` once everything written until now is;
    both raise ApiError 503 where that takes too long.
    """

    name: str
    store: Store
    now: Callable[[], datetime]
    pod_metrics: Callable[[str | None], list[Obj]] = lambda namespace: []
    node_metrics: Callable[[], list[Obj]] = lambda: []
    ready_to_write: Callable[[], Awaitable[None]] = _nothing_to_wait_for
    committed: Callable[[], Awaitable[None]] = _nothing_to_wait_for
