"""Checks of a request against the catalogue: names, counts, preset, GPU type. All problems are reported together."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from shared.errors import Refused
from shared.messages import Sentence, problem, sentence

_WORTH_PRINTING = 10**15  # Python refuses to print integers of thousands of digits


def check_requirements(requirements: Mapping[str, Any], limits: Mapping[str, int]) -> None:
    """Raise Refused unless each is a known service with 1 to `limits[service]` sessions; details list every problem."""
    problems = list(_requirement_problems(requirements, limits))
    if problems:
        sentence = "; ".join(f"{each['field']}: {each['message']}" for each in problems)
        raise Refused(sentence, details={"errors": problems})


def check_name(field: str, name: str, known: Sequence[str], code: str) -> None:
    """Raise Refused with `code` unless `name` is one of `known`; details list them under `<field>s`."""
    if name not in known:
        found = unknown_name(field, name, known)
        raise Refused(found.english, code=code, details={f"{field}s": list(known), "errors": [problem(field, found)]})


def _requirement_problems(requirements: Mapping[str, Any], limits: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    if not requirements:
        named = sentence("requirements-empty", "name at least one service; known: {known}", known=", ".join(limits))
        yield problem("service_requirements", named)
    for service, sessions in requirements.items():
        if found := _session_problem(service, sessions, limits):
            yield problem(_shortened(f"service_requirements.{service}"), found)


def _session_problem(service: str, sessions: Any, limits: Mapping[str, int]) -> Sentence | None:
    if service not in limits:
        return unknown_name("service", service, list(limits))
    if not isinstance(sessions, int) or isinstance(sessions, bool):
        english = "must be a whole number of sessions, not {found}"
        return sentence("sessions-not-a-number", english, found=_shortened(repr(sessions)))
    if 1 <= sessions <= limits[service]:
        return None
    most = limits[service]
    if abs(sessions) >= _WORTH_PRINTING:
        return sentence("sessions-far-out-of-range", "must be from 1 to {most} sessions", most=most)
    english = "must be from 1 to {most} sessions, not {sessions}"
    return sentence("sessions-out-of-range", english, most=most, sessions=sessions)


def unknown_name(field: str, name: str, known: Sequence[str]) -> Sentence:
    """A name that the catalogue doesn't have, with the closest one if there is one."""
    close = get_close_matches(name[:100].lower(), known, n=1)
    what, found, names = field.replace("_", " "), repr(_shortened(name)), ", ".join(known)
    if not close:
        english = "unknown {what} {found}. Known: {known}"
        return sentence("name-unknown", english, what=what, field=field, found=found, known=names)
    english = "unknown {what} {found}; did you mean {close}? Known: {known}"
    return sentence("name-misspelt", english, what=what, field=field, found=found, close=close[0], known=names)


def _shortened(value: str, longest: int = 80) -> str:
    """What a stranger sent goes into messages and logs: not more of it than helps to find it."""
    return value if len(value) <= longest else f"{value[:longest]}..."
