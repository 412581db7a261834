"""The failures of the API, each as the Status body that a real API server sends.

Clients decide by `reason` and `code` (client-go's IsNotFound, IsConflict), people read `message`, and kubectl prints
`details.causes`. Each function here builds all of them, with the wording of apimachinery's `errors.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.simulator.resources import Resource
from shared.kube.objects import Obj
from shared.kube.semantics import Cause


class ApiError(Exception):
    """A refused request; `status` is the Status object that answers it."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after: int | None = (details or {}).get("retryAfterSeconds")
        known = {"message": message, "reason": reason, "details": details, "code": code}
        self.status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            **{name: value for name, value in known.items() if value},
        }


def success(resource: Resource, name: str, uid: str) -> Obj:
    """The Status that is returned for a deletion that is complete."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_details(resource, name), "uid": uid},
    }


def _details(resource: Resource, name: str, **more: Any) -> Obj:
    details = {"name": name, "group": resource.group, "kind": resource.plural, **more}
    return {key: value for key, value in details.items() if value}


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{resource.key} "{name}" not found', _details(resource, name))


def no_role(group: str, plural: str, name: str) -> ApiError:
    """404: the role of a binding doesn't exist, so what it would grant is unknown."""
    details = {"name": name, "group": group, "kind": plural}
    return ApiError(404, "NotFound", f'{plural}.{group} "{name}" not found', details)


def unknown_path() -> ApiError:
    """404: the API has no such resource."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: an object with this name exists."""
    return ApiError(409, "AlreadyExists", f'{resource.key} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """409: a precondition of an update or a delete doesn't hold."""
    message = f'Operation cannot be fulfilled on {resource.key} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def modified_meanwhile(resource: Resource, name: str) -> ApiError:
    """409: the object changed since the client read it."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def apply_conflict(message: str, causes: Sequence[Obj]) -> ApiError:
    """409: other managers own applied fields; one cause for each field."""
    return ApiError(409, "Conflict", message, {"causes": list(causes)})


def invalid(resource: Resource, name: str, causes: Iterable[Cause]) -> ApiError:
    """422: the object violates rules; one cause for each."""
    found = list(causes)
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    sentences = [f"{cause.field}: {cause.message}" for cause in found]
    summary = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in found]
    details = {**_details(resource, name, causes=listed), "kind": resource.kind}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {summary}', details)


def invalid_options(kind: str, cause: Cause) -> ApiError:
    """422: the options of a delete or a patch violate a rule."""
    listed = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [listed]}
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}', details)


def bad_request(message: str) -> ApiError:
    """400: the request is malformed."""
    return ApiError(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str, causes: Sequence[Obj] = ()) -> ApiError:
    """403: the cluster doesn't allow the request."""
    message = f'{resource.key} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(resource, name, causes=list(causes)))


def unauthorized() -> ApiError:
    """401: the request has no token, or one that isn't valid."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def denied(group: str, resource: str, name: str, why: str) -> ApiError:
    """403: the user has no right to the request; without a resource it is one to a path."""
    details = {key: value for key, value in {"name": name, "group": group, "kind": resource}.items() if value}
    if not resource:
        return ApiError(403, "Forbidden", f"forbidden: {why}", details)
    key = f"{resource}.{group}" if group else resource
    what = f'{key} "{name}"' if name else key
    return ApiError(403, "Forbidden", f"{what} is forbidden: {why}", details)


def method_not_allowed(resource: Resource, verb: str) -> ApiError:
    """405: the resource doesn't support this verb."""
    message = f'{verb} is not supported on resources of kind "{resource.key}"'
    return ApiError(405, "MethodNotAllowed", message, {"group": resource.group, "kind": resource.plural})


def not_acceptable(accepted: Sequence[str]) -> ApiError:
    """406: the client accepts none of the representations."""
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(accepted)}", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415: the body has an unsupported format."""
    known = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {known}"
    return ApiError(415, "UnsupportedMediaType", message)


def misdirected(why: str) -> ApiError:
    """421: the request's Host header names another host."""
    return ApiError(421, "MisdirectedRequest", why)


def foreign_origin(why: str) -> ApiError:
    """403: the request comes from a web page of a foreign origin."""
    return ApiError(403, "Forbidden", why)


def too_large(limit: int) -> ApiError:
    """413: the body has more bytes than the limit."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def too_many_operations(limit: int, found: int) -> ApiError:
    """413: a JSON patch with more operations than the limit."""
    message = f"The allowed maximum operations in a JSON patch is {limit}, got {found}"
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def expired(message: str) -> ApiError:
    """410: a resourceVersion or a continue token is too old, and the client must list again."""
    return ApiError(410, "Expired", message)


def future_version(wanted: int, current: int) -> ApiError:
    """504: a resourceVersion is higher than the current one."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return ApiError(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1})


def unpatchable(why: str) -> ApiError:
    """422: the patch can't be applied to the current object."""
    message = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", message, {"causes": [{"reason": "UnexpectedServerResponse", "message": why}]})


def unavailable(why: str, retry_after_seconds: int = 1) -> ApiError:
    """503: a dependency is unavailable, or the server is overloaded."""
    return ApiError(503, "ServiceUnavailable", why, {"retryAfterSeconds": retry_after_seconds})


def url_too_long(why: str) -> ApiError:
    """414: the path with its query."""
    return ApiError(414, "", why)


def head_too_large(why: str) -> ApiError:
    """431: the headers."""
    return ApiError(431, "", why)


def too_many_requests(retry_after_seconds: int = 1) -> ApiError:
    """429: as many requests are in flight as may be."""
    message = "Too many requests, please try again later."
    return ApiError(429, "TooManyRequests", message, {"retryAfterSeconds": retry_after_seconds})


def unknown_failure(message: str) -> ApiError:
    """500 without a reason, as a real API server answers errors that are no API errors."""
    return ApiError(500, "", message)


def internal(why: str) -> ApiError:
    """500: an internal fault."""
    return ApiError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})
