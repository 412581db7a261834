r"""Matchers of alerts by their labels, in Alertmanager's notation: `team="billing"`, `pod=~"callbot-.*"`. Pure.

A missing label counts as an empty one, as in Alertmanager. A pattern matches the whole value. It may have what such
patterns are used for, and nothing that takes long to match: texts, `.` for any character, `.*` and `.+` for any number
of them, `|` between alternatives, and `\` before a character that stands for itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from shared.messages import Sentence, sentence, unfit
from shared.model import Model

ALERT_NAME, SEVERITY, TENANT = "alertname", "severity", "tenant_id"
"""Labels that every alert has besides those of its rule."""
LONGEST_VALUE = 200
MOST_MATCHERS = 20
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"
_UNSUPPORTED = frozenset("()[]{}^$?*+")
_ANY = "."
_ANY_NUMBER = ".*"


class Matcher(Model):
    """A condition on one label."""

    label: Annotated[str, Field(pattern=_LABEL, max_length=100, examples=[ALERT_NAME])]
    op: Literal["=", "!=", "=~", "!~"] = "="
    """Equal, not equal, or whether the whole value matches a pattern."""
    value: Annotated[str, Field(max_length=LONGEST_VALUE, examples=["ECPHighCPUUsage"])]

    @model_validator(mode="after")
    def _pattern_is_possible(self) -> "Matcher":
        if self.op in ("=~", "!~"):
            _compiled(self.value)
        return self

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels fulfils it."""
        value = labels.get(self.label, "")
        if self.op in ("=", "!="):
            return (value == self.value) is (self.op == "=")
        return (_compiled(self.value).fullmatch(value) is not None) is (self.op == "=~")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.op}"{value}"'


Matchers = Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=MOST_MATCHERS)]
"""All of them must match."""


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels fulfils every matcher."""
    return all(each.matches(labels) for each in matchers)


def alert_labels(name: str, severity: str, tenant_id: str, labels: Mapping[str, str]) -> dict[str, str]:
    """What matchers see of an alert: its labels, its name, its severity and its tenant."""
    return {**labels, ALERT_NAME: name, SEVERITY: severity, TENANT: tenant_id}


class _Token(NamedTuple):
    """One element of a pattern: a literal character, `.`, or `.*`."""

    text: str
    is_literal: bool


@lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for Python. Raises the error of a validator (a ValueError) for what isn't supported."""
    alternatives: list[list[_Token]] = [[]]
    for token in _tokens(pattern):
        if token == _Token("|", is_literal=False):
            alternatives.append([])
        else:
            alternatives[-1].append(token)
    return re.compile("|".join(f"(?:{_regex(each)})" for each in alternatives), re.DOTALL)


def _tokens(pattern: str) -> Iterator[_Token]:
    place = 0
    while place < len(pattern):
        character, following = pattern[place], pattern[place + 1 : place + 2]
        if character == "\\":
            if not following:
                raise unfit(
                    sentence("value-pattern_ends_early", "ends with a backslash; write two for the character itself")
                )
            yield _Token(following, is_literal=True)
            place += 2
        elif character == "." and following in ("*", "+"):
            yield from (_Token(_ANY, is_literal=False),) * (following == "+")
            yield _Token(_ANY_NUMBER, is_literal=False)
            place += 2
        elif character in _UNSUPPORTED:
            raise unfit(_unsupported(character, place + 1))
        else:
            yield _Token(character, is_literal=character not in ".|")
            place += 1


def _unsupported(character: str, column: int) -> Sentence:
    english = "column {column}: {character} isn't supported; patterns have texts, '.', '.*', '.+', '|' and backslashes"
    return sentence("value-pattern_unsupported", english, column=column, character=repr(character))


def _regex(tokens: list[_Token]) -> str:
    """Time grows with the product of both lengths at most: the first place of what follows a `.*` is as good as any."""
    pieces = [""]
    for token in tokens:
        if token == _Token(_ANY_NUMBER, is_literal=False):
            pieces.append("")
        else:
            pieces[-1] += re.escape(token.text) if token.is_literal else _ANY
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{each})" for each in middle if each) + f".*{last}"
