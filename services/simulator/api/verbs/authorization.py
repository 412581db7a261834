"""Whether the user of a call may make it, before anything else is looked at."""

from __future__ import annotations

from dataclasses import replace

from services.simulator.api import errors
from services.simulator.api.access.request_access import Access
from services.simulator.api.routing.attributes import attributes_of
from services.simulator.api.routing.calls import Call
from services.simulator.api.routing.requests import Request
from services.simulator.api.verbs.writes import APPLY_PATCH


def impersonated(access: Access, request: Request) -> Access:
    """The access of the user that the request names by `Impersonate-User`, as `kubectl --as` does. Raises ApiError."""
    name = request.headers.get("impersonate-user", "")
    groups = tuple(filter(None, request.headers.get("impersonate-group", "").split(",")))
    others = [header for header in request.headers if header.startswith(("impersonate-uid", "impersonate-extra-"))]
    if access.user is None:
        return access
    if others or (groups and not name):
        raise errors.bad_request("only Impersonate-User, alone or with Impersonate-Group, is supported")
    return access.impersonating(name, groups) if name else access


def require_rights(call: Call, verb: str) -> None:
    """Raise ApiError 403 unless the user has the right; an apply of a new object needs `create` besides."""
    if call.access.user is None:
        return
    wanted = attributes_of(verb, call.target, call.request)
    call.access.require(wanted)
    target = call.target
    is_apply = verb == "patch" and call.request.media_type == APPLY_PATCH and not target.subresource
    if is_apply and call.cluster.store.get(call.resource.key, target.namespace, target.name) is None:
        call.access.require(replace(wanted, verb="create"))
