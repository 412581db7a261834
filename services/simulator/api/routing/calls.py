"""One call of the API: the cluster it is for, what it asks, what it names; and its answer."""

from __future__ import annotations

from dataclasses import dataclass

from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.routing.requests import Request, Target
from services.simulator.resources import Resource
from shared.kube.objects import Obj


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was routed."""

    cluster: ClusterBackend
    request: Request
    target: Target

    @property
    def resource(self) -> Resource:
        return self.target.resource


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: one object, with warnings for the client."""

    code: int
    body: Obj
    warnings: tuple[str, ...] = ()
