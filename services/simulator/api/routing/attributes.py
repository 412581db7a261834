"""What a request asks for, in the terms of RBAC, as Kubernetes' `RequestInfo` derives it from method and path."""

from __future__ import annotations

import re
from typing import Final

from services.simulator.api.access.rules import Attributes
from services.simulator.api.routing.requests import Request, Target

_NAMED: Final = re.compile(r"metadata\.name==?([^,=!]+)")


def attributes_of(verb: str, target: Target, request: Request) -> Attributes:
    """The attributes of a request to a resource.

    A namespace counts as being in itself, and a list or watch of one name (by field selector) as being of this name.
    """
    resource = target.resource
    name = target.name
    if not name and verb in ("list", "watch", "deletecollection"):
        selected = _NAMED.fullmatch(request.query.get("fieldSelector", ""))
        name = selected[1] if selected else ""
    namespace = target.name if resource.key == "namespaces" else target.namespace
    return Attributes(verb, resource.group, resource.plural, target.subresource, namespace, name)


def of_path(request: Request, path: str) -> Attributes:
    """The attributes of a request to a path that is no resource."""
    return Attributes(request.method.lower(), path=path)
