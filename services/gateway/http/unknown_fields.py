"""Refuses request bodies with unknown fields: a dependency of the whole API.

The body of a new route is checked without a further line. One that accepts any field (a foreign system's) has a model
with `extra="allow"`. A route without a body accepts none with content; the body of a GET is ignored.
"""

from collections.abc import Callable
from typing import Any, get_type_hints

import orjson
from fastapi import Request
from fastapi.routing import APIRoute

from services.gateway.http import request_context
from services.gateway.http.bodies import BODYLESS
from services.gateway.http.body_check import BodyCheck
from services.gateway.http.known_fields import KnownFields
from services.gateway.http.problems import MOST_PROBLEMS, refusal_of
from shared.messages import problem, sentence

_NO_FIELDS = sentence("field-of-no-body", "this call has no fields; send it without a body")
_SHOWN = 100
"""Characters of an unknown name in an error."""


class UnknownFields:
    """The dependency. Raises Refused with all problems of a body that has unknown fields."""

    def __init__(self, known: KnownFields) -> None:
        self._known = known
        self._checks: dict[Callable[..., Any], BodyCheck] = {}

    async def __call__(self, request: Request) -> None:
        if request.method in BODYLESS:
            return
        content, route = await request.body(), request.scope.get("route")
        if not content or not isinstance(route, APIRoute):
            return
        if route.body_field is None:
            _refuse_fields(orjson.loads(content))
            return
        notes = self._check_of(route.endpoint, route.body_field.name).check(await request.json())
        request_context.current().notes.extend(notes)

    def _check_of(self, endpoint: Callable[..., Any], parameter: str) -> BodyCheck:
        if endpoint not in self._checks:
            annotation = get_type_hints(endpoint, include_extras=True)[parameter]
            self._checks[endpoint] = BodyCheck(annotation, self._known)
        return self._checks[endpoint]


def _refuse_fields(body: Any) -> None:
    """Raise Refused for a body with content where the route has none; `{}` and null have none."""
    if body not in (None, {}):
        fields = list(body)[:MOST_PROBLEMS] if isinstance(body, dict) else ["body"]
        raise refusal_of([problem(str(each)[:_SHOWN], _NO_FIELDS) for each in fields], len(fields))
