"""SelfSubjectAccessReview: every request is allowed, because the simulator has no authentication.

It is served because clients check their rights first: `kubectl auth can-i`, and our deployer's preflight.
"""

from __future__ import annotations

from services.simulator.api import errors
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.validation import bodies

KIND = "SelfSubjectAccessReview"


async def review(call: Call) -> Answer:
    """POST of a SelfSubjectAccessReview: 201 with its status; nothing is stored. Raises ApiError 400."""
    body = await bodies.read(await call.request.body(), call.request.media_type)
    if not isinstance(body, dict) or not isinstance(body.get("spec"), dict):
        raise errors.bad_request(f"a {KIND} needs a spec")
    head = {"kind": KIND, "apiVersion": call.resource.api_version, "metadata": {"creationTimestamp": None}}
    return Answer(201, {**head, "spec": body["spec"], "status": {"allowed": True}})
