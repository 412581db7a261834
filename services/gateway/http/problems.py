"""Pydantic's validation errors as one refusal. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.gateway.http.language import korean_of_pydantic
from shared.errors import Refused

_SHOWN = 5
_MOST_PROBLEMS = 100
"""In the details; a body may repeat one mistake a hundred thousand times."""
_LONGEST_MESSAGE = 500


def refusal(errors: Sequence[Mapping[str, Any]], body: Any = None) -> Refused:
    """Pydantic's errors as one Refused that names each field and reason, without the refused values."""
    problems = [_problem(each, body) for each in errors[:_MOST_PROBLEMS]]
    listed = "; ".join(f"{each['field']}: {each['message']}" for each in problems[:_SHOWN])
    more = f" (and {len(errors) - _SHOWN} more)" if len(errors) > _SHOWN else ""
    return Refused(f"{listed}{more}", details={"errors": problems})


def _problem(error: Mapping[str, Any], body: Any) -> dict[str, str]:
    if error["type"] == "json_invalid":
        return {"field": "body", "message": _where_broken(error, body)}
    place = [text for part in error["loc"] if (text := str(part)).strip()]
    if place == ["body"] and error["type"] == "missing":
        return {"field": "body", "message": "a JSON body is required"}
    # Leave out where FastAPI looked ("body", "query"): the name of the field is enough.
    field = ".".join(place[1:] if len(place) > 1 else place)
    problem = {"field": field[:200], "message": str(error["msg"]).removeprefix("Value error, ")[:_LONGEST_MESSAGE]}
    korean = korean_of_pydantic(error)
    return {**problem, "message_ko": korean[:_LONGEST_MESSAGE]} if korean else problem


def _where_broken(error: Mapping[str, Any], body: Any) -> str:
    position = int(error["loc"][-1])
    text = body if isinstance(body, str) else ""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"broken JSON at line {line}, column {column}: {error.get('ctx', {}).get('error', 'syntax error')}"
