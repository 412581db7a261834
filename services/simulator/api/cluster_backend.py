"""The dependencies of the API for one cluster: its objects, clock, metrics, and when changes are durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.simulator.storage.store import Store
from shared.kube.objects import Obj, ObjectKey

IssueToken = Callable[[tuple[str, str, str], int, list[str]], tuple[str, datetime]]
"""From namespace, name and uid of a service account, seconds and audiences to a token and its end."""


async def _nothing_to_wait_for(*_: object) -> None:
    """Used for a cluster without a journal."""


class EncodedObject(Protocol):
    """An object and its JSON."""

    @property
    def obj(self) -> Obj: ...

    @property
    def encoded(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ClusterBackend:
    """One cluster behind the API.

    `ready_to_write` returns once a write can be made durable, `committed` once all writes so far are durable, and
    `stored` once the last change of one object is durable, by resource and key. All raise ApiError 503 if that
    takes too long.
    """

    name: str
    store: Store
    now: Callable[[], datetime]
    pod_metrics: Callable[[str | None], Sequence[EncodedObject]] = lambda namespace: ()
    node_metrics: Callable[[], Sequence[EncodedObject]] = lambda: ()
    ready_to_write: Callable[[], Awaitable[None]] = _nothing_to_wait_for
    committed: Callable[[], Awaitable[None]] = _nothing_to_wait_for
    stored: Callable[[str, ObjectKey], Awaitable[None]] = _nothing_to_wait_for
    issue_token: IssueToken | None = None
    """Makes tokens of service accounts; None where there is no port that takes them."""
