"""Pydantic's validation errors as one refusal. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import Refused
from shared.messages import Sentence, problem, sentence, sentence_of_pydantic

_SHOWN = 5
MOST_PROBLEMS = 100
"""In the details; a body may repeat one mistake a hundred thousand times."""
_FOLLOWS = "default_factory_not_called"


def refusal(errors: Sequence[Mapping[str, Any]], body: Any = None) -> Refused:
    """Pydantic's errors as one Refused that names each field and reason, without the refused values."""
    found = without_consequences(errors)
    return refusal_of([_problem(each, body) for each in found[:MOST_PROBLEMS]], len(found))


def without_consequences(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors without those of defaults that depend on a field with an error of its own."""
    return [each for each in errors if each["type"] != _FOLLOWS]


def refusal_of(problems: Sequence[dict[str, Any]], count: int) -> Refused:
    """One Refused for `problems`, which are the first ones of `count`."""
    listed = "; ".join(f"{each['field']}: {each['message']}" for each in problems[:_SHOWN])
    more = f" (and {count - _SHOWN} more)" if count > _SHOWN else ""
    return Refused(f"{listed}{more}", details={"errors": list(problems)})


def problem_of(error: Mapping[str, Any], reason: Sentence | None = None) -> dict[str, Any]:
    """One of pydantic's errors as an entry of `details["errors"]`; `reason` replaces pydantic's."""
    place = [name for part in error["loc"] if (name := str(part)).strip()]
    # Leave out where FastAPI looked ("body", "query"): the name of the field is enough.
    field = ".".join(place[1:] if len(place) > 1 else place)
    return problem(field[:200], reason or sentence_of_pydantic(error))


def _problem(error: Mapping[str, Any], body: Any) -> dict[str, Any]:
    if error["type"] == "json_invalid":
        return problem("body", _where_broken(error, body))
    if tuple(error["loc"]) == ("body",) and error["type"] == "missing":
        return problem("body", sentence("body-missing", "a JSON body is required"))
    return problem_of(error)


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
