"""Label and field selectors as clients write them in a URL, compiled into predicates over objects.

Label selectors are Kubernetes' whole grammar. Field selectors know `=`, `==` and `!=` on any field of an object
that is a scalar: a real API server knows a short list for each resource, and the clients ask only for fields of
that list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from services.simulator.api import errors
from services.simulator.objects import Obj, labels_of

Predicate = Callable[[Obj], bool]

_KEY = r"[A-Za-z0-9./_-]+"
_VALUE = r"[A-Za-z0-9._-]*"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^)]*)\)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*({_VALUE})$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")
_COMPARE = re.compile(rf"^({_KEY})\s*([<>])\s*(-?\d+)$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


def label_predicate(text: str) -> Predicate | None:
    """The predicate of a label selector, None for an empty one. Raises ApiError 400 for one that can't be parsed."""
    terms = [_label_term(term.strip(), text) for term in _COMMA_OUTSIDE_PARENTHESES.split(text)] if text.strip() else []
    return _all_of(terms)


def field_predicate(text: str) -> Predicate | None:
    """The predicate of a field selector, None for an empty one. Raises ApiError 400 for one that can't be parsed."""
    terms = [_field_term(term.strip(), text) for term in text.split(",")] if text.strip() else []
    return _all_of(terms)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """What fulfils both; None where there is nothing to fulfil."""
    return _all_of([predicate for predicate in (first, second) if predicate is not None])


def _all_of(terms: list[Predicate]) -> Predicate | None:
    if len(terms) <= 1:
        return terms[0] if terms else None
    return lambda obj: all(term(obj) for term in terms)


def _label_term(term: str, whole: str) -> Predicate:
    if found := _SET.match(term):
        key, operator, listed = found.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if operator == "in":
            return lambda obj: labels_of(obj).get(key) in values
        return lambda obj: labels_of(obj).get(key) not in values
    if found := _EQUAL.match(term):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda obj: labels_of(obj).get(key) != value
        return lambda obj: labels_of(obj).get(key) == value
    if found := _EXISTS.match(term):
        absent, key = found.groups()
        return lambda obj: (key in labels_of(obj)) is not bool(absent)
    if found := _COMPARE.match(term):
        return _label_comparison(*found.groups())
    raise errors.bad_request(f'unable to parse requirement: found "{term}" in the label selector "{whole}"')


def _label_comparison(key: str, operator: str, limit: str) -> Predicate:
    def holds(obj: Obj) -> bool:
        text = labels_of(obj).get(key, "")
        if not re.fullmatch(r"-?\d+", text):
            return False
        return int(text) < int(limit) if operator == "<" else int(text) > int(limit)

    return holds


def _field_term(term: str, whole: str) -> Predicate:
    found = re.match(r"^([A-Za-z0-9.\[\]/_-]+?)(==|!=|=)(.*)$", term)
    if found is None:
        raise errors.bad_request(f"invalid selector: '{whole}'; can't understand '{term}'")
    path, operator, value = found.groups()
    names = path.split(".")
    wanted = value.replace("\\,", ",").replace("\\=", "=").replace("\\\\", "\\")
    if operator == "!=":
        return lambda obj: _text_at(obj, names) != wanted
    return lambda obj: _text_at(obj, names) == wanted


def _text_at(obj: Any, names: list[str]) -> str:
    """A field as field selectors compare it: absent is empty, booleans are lower case."""
    for name in names:
        obj = obj.get(name) if isinstance(obj, dict) else None
    if obj is None:
        return ""
    return str(obj).lower() if isinstance(obj, bool) else str(obj)
