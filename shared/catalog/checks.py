"""Checks of a request against the catalogue: names, counts, preset, GPU type. All problems are reported together."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from shared.errors import Refused
from shared.texts import Text, problem

_KOREAN = {"service": "서비스", "preset": "프리셋", "gpu_type": "GPU 종류"}
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
        text = _unknown(field, name, known)
        raise Refused(text.en, code=code, details={f"{field}s": list(known), "errors": [problem(field, text)]})


def _requirement_problems(requirements: Mapping[str, Any], limits: Mapping[str, int]) -> Iterator[dict[str, str]]:
    if not requirements:
        names = ", ".join(limits)
        yield problem(
            "service_requirements",
            Text(
                f"name at least one service; known: {names}", f"서비스를 하나 이상 지정하세요. 가능한 서비스: {names}"
            ),
        )
    for service, sessions in requirements.items():
        if text := _session_problem(service, sessions, limits):
            yield problem(_shortened(f"service_requirements.{service}"), text)


def _session_problem(service: str, sessions: Any, limits: Mapping[str, int]) -> Text | None:
    if service not in limits:
        return _unknown("service", service, list(limits))
    if not isinstance(sessions, int) or isinstance(sessions, bool):
        found = _shortened(repr(sessions))
        return Text(f"must be a whole number of sessions, not {found}", f"세션 수는 정수여야 합니다. 받은 값: {found}")
    if not 1 <= sessions <= limits[service]:
        worth = abs(sessions) < _WORTH_PRINTING
        return Text(
            f"must be from 1 to {limits[service]} sessions{f', not {sessions}' if worth else ''}",
            f"세션 수는 1에서 {limits[service]} 사이여야 합니다{f'. 받은 값: {sessions}' if worth else ''}",
        )
    return None


def _unknown(what: str, name: str, known: Sequence[str]) -> Text:
    close = get_close_matches(name[:100].lower(), known, n=1)
    found, names = f"{_shortened(name)!r}", ", ".join(known)
    hint = Text(f"; did you mean {close[0]}?", f" 혹시 {close[0]}인가요?") if close else Text(".", "")
    return Text(
        f"unknown {what.replace('_', ' ')} {found}{hint.en} Known: {names}",
        f"알 수 없는 {_KOREAN[what]}입니다: {found}.{hint.ko} 가능한 값: {names}",
    )


def _shortened(text: str, longest: int = 80) -> str:
    """What a stranger sent goes into messages and logs: not more of it than helps to find it."""
    return text if len(text) <= longest else f"{text[:longest]}..."
