"""A routed request with its cluster and its target, and the result of handling it."""

from __future__ import annotations

from dataclasses import dataclass

from services.simulator.api.access.request_access import EVERYTHING, Access
from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.routing.requests import Request, Target
from services.simulator.resources import Resource
from shared.kube.objects import Obj


@dataclass(frozen=True, slots=True)
class Call:
    """A routed request."""

    cluster: ClusterBackend
    request: Request
    target: Target
    access: Access = EVERYTHING

    @property
    def resource(self) -> Resource:
        return self.target.resource


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call: status code, object, and warnings for the client."""

    code: int
    body: Obj
    warnings: tuple[str, ...] = ()
