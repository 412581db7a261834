"""Pydantic's validation errors as one refusal. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import Refused
from shared.messages import Sentence, problem, sentence, sentence_of_pydantic

_SHOWN = 5
_MOST_PROBLEMS = 100
"""In the details; a body may repeat one mistake a hundred thousand times."""


def refusal(errors: Sequence[Mapping[str, Any]], body: Any = None) -> Refused:
    """Pydantic's errors as one Refused that names each field and reason, without the refused values."""
    problems = [_problem(each, body) for each in errors[:_MOST_PROBLEMS]]
    listed = "; ".join(f"{each['field']}: {each['message']}" for each in problems[:_SHOWN])
    more = f" (and {len(errors) - _SHOWN} more)" if len(errors) > _SHOWN else ""
    return Refused(f"{listed}{more}", details={"errors": problems})


def _problem(error: Mapping[str, Any], body: Any) -> dict[str, Any]:
    if error["type"] == "json_invalid":
        return problem("body", _where_broken(error, body))
    place = [name for part in error["loc"] if (name := str(part)).strip()]
    if place == ["body"] and error["type"] == "missing":
        return problem("body", sentence("body-missing", "a JSON body is required"))
    # Leave out where FastAPI looked ("body", "query"): the name of the field is enough.
    field = ".".join(place[1:] if len(place) > 1 else place)
    return problem(field[:200], sentence_of_pydantic(error))


def broken_json(line: int, column: int, reason: str) -> Sentence:
    """The problem of a body with a syntax error; `reason` is the parser's, in English."""
    english = "broken JSON at line {line}, column {column}: {reason}"
    return sentence("json-broken", english, line=line, column=column, reason=reason)


def _where_broken(error: Mapping[str, Any], body: Any) -> Sentence:
    position = int(error["loc"][-1])
    sent = body if isinstance(body, str) else ""
    return broken_json(
        sent.count("\n", 0, position) + 1,
        position - sent.rfind("\n", 0, position),
        str(error.get("ctx", {}).get("error", "syntax error")),
    )
