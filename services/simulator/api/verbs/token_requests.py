"""`POST .../serviceaccounts/<name>/token`: a token of a service account, as `kubectl create token` asks for it."""

from __future__ import annotations

from typing import Any, Final

from services.simulator.api import errors
from services.simulator.api.access.users import AUDIENCE
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import bodies
from services.simulator.api.verbs.writes import require
from shared.kube.texts import format_time

SUBRESOURCE: Final = "token"
_SHORTEST_SECONDS: Final = 600
_LONGEST_SECONDS: Final = 365 * 24 * 3600
_USUAL_SECONDS: Final = 3600
_MOST_AUDIENCES: Final = 10


async def create(call: Call) -> Answer:
    """A token with its end: 201; nothing is stored. Raises ApiError: 404 without the account, 400 for a bad request."""
    body = await bodies.read(await call.request.body(), call.request.media_type)
    spec = body.get("spec") or {} if isinstance(body, dict) else {}
    if not isinstance(spec, dict):
        raise errors.bad_request("the spec of a TokenRequest has to be an object")
    seconds, audiences = _seconds(spec), _audiences(spec)
    account = require(call)["metadata"]
    if call.cluster.issue_token is None:
        raise errors.unknown_path()
    token, end = call.cluster.issue_token((account["namespace"], account["name"], account["uid"]), seconds, audiences)
    answer = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": account["name"], "namespace": account["namespace"], "creationTimestamp": None},
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
        "status": {"token": token, "expirationTimestamp": format_time(end)},
    }
    return Answer(201, answer)


def _seconds(spec: dict[str, Any]) -> int:
    found = spec.get("expirationSeconds")
    if found is None:
        return _USUAL_SECONDS
    if not isinstance(found, int) or isinstance(found, bool) or not _SHORTEST_SECONDS <= found <= _LONGEST_SECONDS:
        bounds = f"from {_SHORTEST_SECONDS} to {_LONGEST_SECONDS}"
        raise errors.bad_request(f"spec.expirationSeconds has to be a number of seconds {bounds}")
    return found


def _audiences(spec: dict[str, Any]) -> list[str]:
    found = spec.get("audiences") or [AUDIENCE]
    if not isinstance(found, list) or len(found) > _MOST_AUDIENCES or not all(isinstance(each, str) for each in found):
        raise errors.bad_request(f"spec.audiences has to be a list of at most {_MOST_AUDIENCES} texts")
    return found
