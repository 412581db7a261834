"""Label and field selectors of requests, compiled into predicates over objects.

Label selectors support Kubernetes' whole grammar. Field selectors support `=`, `==` and `!=` on every scalar field; a
real API server has a short list for each resource, and clients use only fields of that list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.simulator.api import errors
from services.simulator.api.validation import label_selectors
from services.simulator.api.validation.label_selectors import Requirement
from shared.kube.objects import Obj, labels_of
from shared.reading import InvalidText, int64

Predicate = Callable[[Obj], bool]

_MOST_FIELDS = 50
"""Requirements of a field selector, each of which is evaluated for every object."""


def label_predicate(text: str) -> Predicate | None:
    """The predicate of a label selector; None for an empty one. Raises ApiError 400 if it can't be parsed."""
    try:
        return _all_of([_label_term(requirement) for requirement in label_selectors.parse(text)])
    except InvalidText as error:
        raise errors.bad_request(str(error)) from error


def field_predicate(text: str) -> Predicate | None:
    """The predicate of a field selector; None for an empty one. Raises ApiError 400 if it can't be parsed."""
    terms = [_field_term(term, text) for term in _unescaped_split(text, ",") if term.strip()]
    if len(terms) > _MOST_FIELDS:
        raise errors.bad_request(f"invalid field selector: more than {_MOST_FIELDS} requirements")
    return _all_of(terms)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """The conjunction of two predicates; None if both are None."""
    return _all_of([predicate for predicate in (first, second) if predicate is not None])


def _all_of(terms: list[Predicate]) -> Predicate | None:
    if len(terms) <= 1:
        return terms[0] if terms else None
    return lambda obj: all(term(obj) for term in terms)


def _label_term(requirement: Requirement) -> Predicate:
    key, values = requirement.key, requirement.values
    match requirement.operator:
        case "exists":
            return lambda obj: key in labels_of(obj)
        case "!":
            return lambda obj: key not in labels_of(obj)
        case "=" | "in":
            return lambda obj: labels_of(obj).get(key) in values
        case "!=" | "notin":
            return lambda obj: labels_of(obj).get(key) not in values
    return _label_comparison(key, requirement.operator, int64(next(iter(values))))


def _label_comparison(key: str, operator: str, limit: int) -> Predicate:
    def holds(obj: Obj) -> bool:
        try:
            number = int64(labels_of(obj).get(key, ""))
        except InvalidText:
            return False
        return number < limit if operator == "<" else number > limit

    return holds


def _field_term(term: str, whole: str) -> Predicate:
    names, operator, value = _operands(term, whole)
    wanted = _unescaped(value)
    if operator == "!=":
        return lambda obj: _text_at(obj, names) != wanted
    return lambda obj: _text_at(obj, names) == wanted


def _operands(term: str, whole: str) -> tuple[list[str], str, str]:
    for operator in ("!=", "==", "="):
        path, found, value = term.partition(operator)
        # The first operator in the text counts; the value may contain others.
        if found and not any(other in path for other in ("=", "!")):
            return path.strip().split("."), operator, value
    raise errors.bad_request(f"invalid selector: '{whole[:200]}'; can't understand '{term[:200]}'")


def _unescaped_split(text: str, separator: str) -> list[str]:
    r"""The parts between separators, except separators after a backslash."""
    parts, begin, position = [], 0, 0
    while position < len(text):
        if text[position] == separator:
            parts.append(text[begin:position])
            begin = position + 1
        position += 2 if text[position] == "\\" else 1
    return [*parts, text[begin:]]


def _unescaped(value: str) -> str:
    r"""A value without escapes of comma, equals sign and backslash. Raises ApiError 400."""
    letters: list[str] = []
    rest = iter(value)
    for letter in rest:
        if letter == "\\":
            escaped = next(rest, "")
            if escaped not in ("\\", ",", "="):
                raise errors.bad_request(f"invalid field selector: invalid escape sequence: \\{escaped}")
            letters.append(escaped)
        elif letter in ",=":
            raise errors.bad_request(f"invalid field selector: unescaped character in value: {ord(letter)}")
        else:
            letters.append(letter)
    return "".join(letters)


def _text_at(obj: Any, names: list[str]) -> str:
    """A field as field selectors compare it: an absent one is empty, booleans are in lower case."""
    for name in names:
        obj = obj.get(name) if isinstance(obj, dict) else None
    if obj is None:
        return ""
    return str(obj).lower() if isinstance(obj, bool) else str(obj)
