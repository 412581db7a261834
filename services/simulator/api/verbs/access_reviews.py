"""What users ask about themselves: SelfSubjectAccessReview (`kubectl auth can-i`) and SelfSubjectReview (`whoami`).

Our deployer's preflight asks for its rights first, too. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import ADMINISTRATOR
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import bodies
from shared.kube.objects import Obj

_RESOURCE_FIELDS: Final = ("verb", "group", "resource", "subresource", "namespace", "name")


async def review_access(call: Call) -> Answer:
    """POST of a SelfSubjectAccessReview: 201 with whether the user may. Raises ApiError 400."""
    spec = (await _body(call)).get("spec")
    if not isinstance(spec, dict):
        raise errors.bad_request("a SelfSubjectAccessReview needs a spec")
    decision = call.access.decide(_asked(spec))
    status: Obj = {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}
    return Answer(201, {**_head(call), "spec": spec, "status": status})


async def review_self(call: Call) -> Answer:
    """POST of a SelfSubjectReview: 201 with the user's name and groups. Raises ApiError 400."""
    await _body(call)
    # By the port without TLS everything is done as the administrator.
    user = call.access.user or ADMINISTRATOR
    info: Obj = {"username": user.name, "groups": list(user.groups), **({"uid": user.uid} if user.uid else {})}
    return Answer(201, {**_head(call), "status": {"userInfo": info}})


REVIEWS: Final[Mapping[str, Callable[[Call], Awaitable[Answer]]]] = {
    "SelfSubjectAccessReview": review_access,
    "SelfSubjectReview": review_self,
}


async def _body(call: Call) -> dict[str, Any]:
    body = await bodies.read(await call.request.body(), call.request.media_type)
    if not isinstance(body, dict):
        raise errors.bad_request(f"a {call.resource.kind} has to be an object")
    return body


def _head(call: Call) -> Obj:
    head = {"kind": call.resource.kind, "apiVersion": call.resource.api_version}
    return {**head, "metadata": {"creationTimestamp": None}}


def _asked(spec: dict[str, Any]) -> Attributes:
    """The attributes that a review asks about; absent ones are empty. Raises ApiError 400."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if isinstance(resource, dict) and path is None:
        return Attributes(**{field: _text(resource.get(field)) for field in _RESOURCE_FIELDS})
    if isinstance(path, dict) and resource is None:
        return Attributes(_text(path.get("verb")), path=_text(path.get("path")) or "/")
    raise errors.bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise errors.bad_request("attributes of a review are texts")
    return value or ""
