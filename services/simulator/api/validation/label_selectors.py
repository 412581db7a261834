"""A parser of label selectors with apimachinery's grammar and messages. Pure.

    selector    = [ requirement { "," requirement } ]
    requirement = [ "!" ] key | key operator value | key ( "in" | "notin" ) "(" value { "," value } ")"
    operator    = "=" | "==" | "!=" | ">" | "<"

It makes one pass, so that the cost is proportional to the length of the text, which may be up to 64 kB of a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.reading import InvalidText, int64

_TOKEN: Final = re.compile(r"[ \t\r\n]*(?:([=!<>]=?|[(),])|([^ \t\r\n=!<>(),]+))")
_NAME: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")
_PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LONGEST_NAME: Final = 63
_LONGEST_PREFIX: Final = 253
_MOST_REQUIREMENTS: Final = 200
"""Each is evaluated for every object. Known clients send at most ten; `in` accepts any number of values."""
_OPERATORS: Final = ("=", "==", "!=", "<", ">")
_END: Final = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """`operator` is one of `=`, `!=`, `in`, `notin`, `<`, `>`, `exists` and `!`."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()


def parse(text: str) -> list[Requirement]:
    """The requirements of a selector, all of which must hold. Raises InvalidText."""
    tokens = _Tokens(text)
    found: list[Requirement] = []
    while tokens.next != _END:
        if len(found) == _MOST_REQUIREMENTS:
            raise InvalidText(f"more than {_MOST_REQUIREMENTS} requirements")
        found.append(_requirement(tokens))
        if tokens.next == _END:
            break
        if tokens.take() != ",":
            raise InvalidText(f"found '{tokens.last}', expected: ',' or 'end of string'")
        if tokens.next in ("", ",", "(", ")"):
            raise InvalidText(f"found '{tokens.next}', expected: identifier after ','")
    return found


class _Tokens:
    """The tokens of a text, with a lookahead of one."""

    def __init__(self, text: str) -> None:
        self._tokens = _split(text)
        self.last = ""
        self.next = next(self._tokens)

    def take(self) -> str:
        """The next token; `""` at the end."""
        self.last, self.next = self.next, next(self._tokens, _END)
        return self.last


def _split(text: str) -> Iterator[str]:
    position = 0
    while found := _TOKEN.match(text, position):
        yield (found[1] or found[2])[:_SHOWN]
        position = found.end()
    yield _END


_SHOWN: Final = 400
"""Characters of a token that are kept: more than a key may have, so that a longer one is still refused."""


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.next == "!":
        tokens.take()
        return Requirement(_key(tokens), "!")
    key = _key(tokens)
    if tokens.next in (_END, ","):
        return Requirement(key, "exists")
    operator = tokens.take()
    if operator in ("in", "notin"):
        return Requirement(key, operator, frozenset(_listed(tokens)))
    if operator not in _OPERATORS:
        raise _wrong(operator, "in, notin, =, ==, !=, gt, lt")
    value = _value("" if tokens.next in (_END, ",") else tokens.take())
    if operator in "<>":
        _refuse_no_number(value)
    return Requirement(key, "=" if operator == "==" else operator, frozenset((value,)))


def _key(tokens: _Tokens) -> str:
    key = tokens.take()
    if not key or key in (*_OPERATORS, "!", "(", ")", ","):
        raise _wrong(key, "identifier")
    prefix, slash, name = key.rpartition("/")
    is_prefix = not slash or (len(prefix) <= _LONGEST_PREFIX and _PREFIX.fullmatch(prefix))
    if not name or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or not is_prefix:
        message = "a qualified name must consist of alphanumeric characters, '-', '_' or '.'"
        raise InvalidText(f'unable to parse requirement: <nil>: Invalid value: "{key}": {message}')
    return key


def _listed(tokens: _Tokens) -> list[str]:
    if tokens.take() != "(":
        raise _wrong(tokens.last, "'('")
    values: list[str] = []
    while True:
        values.append(_value("" if tokens.next in (",", ")") else tokens.take()))
        if tokens.last == _END:
            raise _wrong("", "',', ')' or identifier")
        if tokens.take() == ")":
            return values
        if tokens.last != ",":
            raise _wrong(tokens.last, "',' or ')'")


def _value(text: str) -> str:
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        message = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
        raise InvalidText(f'unable to parse requirement: values[0]: Invalid value: "{text}": {message}')
    return text


def _refuse_no_number(text: str) -> None:
    try:
        int64(text)
    except InvalidText as error:
        message = "for 'Gt', 'Lt' operators, the value must be an integer"
        raise InvalidText(f'unable to parse requirement: values[0]: Invalid value: "{text}": {message}') from error


def _wrong(found: str, expected: str) -> InvalidText:
    return InvalidText(f"unable to parse requirement: found '{found}', expected: {expected}")
