"""What is held against a request: names, counts, preset, GPU type. All problems of one are said at once."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from shared.errors import Refused

_WORTH_PRINTING = 10**15  # Python refuses to print integers of thousands of digits


def check_requirements(requirements: Mapping[str, Any], limits: Mapping[str, int]) -> None:
    """Raise Refused unless each is a known service with 1 to `limits[service]` sessions; details list every problem."""
    problems = list(_requirement_problems(requirements, limits))
    if problems:
        sentence = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems)
        raise Refused(sentence, details={"errors": problems})


def check_name(field: str, name: str, known: Sequence[str], code: str) -> None:
    """Raise Refused with `code` unless `name` is one of `known`; details list them under `<field>s`."""
    if name not in known:
        message = _unknown(field, name, known)
        raise Refused(message, code=code, details={f"{field}s": list(known), "errors": [_problem(field, message)]})


def _requirement_problems(requirements: Mapping[str, Any], limits: Mapping[str, int]) -> Iterator[dict[str, str]]:
    if not requirements:
        yield _problem("service_requirements", f"name at least one service; known: {', '.join(limits)}")
    for service, sessions in requirements.items():
        field = f"service_requirements.{service}"
        if service not in limits:
            yield _problem(field, _unknown("service", service, list(limits)))
        elif not isinstance(sessions, int) or isinstance(sessions, bool):
            yield _problem(field, f"must be a whole number of sessions, not {_shortened(repr(sessions))}")
        elif not 1 <= sessions <= limits[service]:
            found = f", not {sessions}" if abs(sessions) < _WORTH_PRINTING else ""
            yield _problem(field, f"must be from 1 to {limits[service]} sessions{found}")


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name[:100], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"unknown {what.replace('_', ' ')} {_shortened(name)!r}{hint} Known: {', '.join(known)}"


def _problem(field: str, message: str) -> dict[str, str]:
    return {"field": _shortened(field), "message": message}


def _shortened(text: str, longest: int = 80) -> str:
    """What a stranger sent goes into messages and logs: not more of it than helps to find it."""
    return text if len(text) <= longest else f"{text[:longest]}..."
