"""Conditions of alert rules: text -> tree, and what a tree makes of values. Pure.

    cpu_usage > 80 and (response_time > 1s or error_rate >= 2%)

A condition is true, false, or unknown, where a value is missing that decides it (Kleene's logic): `false and unknown`
is false. The parser is lark's LALR(1), which needs no recursion and linear time; length, comparisons and depth are
bounded before and after it.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from shared.alerts.figures import Quantity, quantity, stored_name
from shared.alerts.rule import LONGEST_CONDITION
from shared.messages import Sentence, sentence

MOST_COMPARISONS = 30
DEEPEST = 10
"""Brackets in brackets."""
_SHOWN = 30
_NAMES = {
    "NAME": "a metric",
    "OPERATOR": "one of > >= < <= == !=",
    "NUMBER": "a number",
    "AND": "and",
    "OR": "or",
    "LPAR": "(",
    "RPAR": ")",
    "$END": "the end",
}
"""What the grammar's terminals are to a reader."""
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TIMES = {"milliseconds": 0.001, "seconds": 1.0, "minutes": 60.0}
"""Units of quantities that are times, in seconds."""


class ConditionError(ValueError):
    """A text that is no condition. `reason` tells what to change; `column` counts from 1."""

    def __init__(self, reason: Sentence, column: int) -> None:
        super().__init__(reason.english)
        self.reason = reason
        self.column = column


@dataclass(frozen=True, slots=True)
class Comparison:
    """`metric op threshold`, the threshold in the metric's unit."""

    metric: str
    """The stored name."""
    op: str
    threshold: float
    column: int
    written: str
    """The metric's name as it was written."""
    unit: str = ""
    """As it was written."""

    def holds(self, values: Mapping[str, float]) -> bool | None:
        """True or false; None without a value."""
        value = values.get(self.metric)
        return None if value is None else _OPERATORS[self.op](value, self.threshold)

    @property
    def comparisons(self) -> Iterator["Comparison"]:
        yield self


@dataclass(frozen=True, slots=True)
class AllOf:
    """Parts that are joined by `and`."""

    parts: tuple["Condition", ...]

    def holds(self, values: Mapping[str, float]) -> bool | None:
        """False if one is false, else unknown if one is unknown."""
        known: bool | None = True
        for part in self.parts:
            held = part.holds(values)
            if held is False:
                return False
            known = known and held
        return known

    @property
    def comparisons(self) -> Iterator[Comparison]:
        for part in self.parts:
            yield from part.comparisons


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Parts that are joined by `or`."""

    parts: tuple["Condition", ...]

    def holds(self, values: Mapping[str, float]) -> bool | None:
        """True if one is true, else unknown if one is unknown."""
        known: bool | None = False
        for part in self.parts:
            held = part.holds(values)
            if held:
                return True
            known = None if held is None else known
        return known

    @property
    def comparisons(self) -> Iterator[Comparison]:
        for part in self.parts:
            yield from part.comparisons


Condition = Comparison | AllOf | AnyOf


@lru_cache(maxsize=4096)
def parse(text: str) -> Condition:
    """The condition that `text` is. Raises ConditionError with the column."""
    if len(text) > LONGEST_CONDITION:
        english = "is longer than {most} characters; make two rules of it"
        raise ConditionError(sentence("condition-too-long", english, most=LONGEST_CONDITION), LONGEST_CONDITION + 1)
    _check_depth(text)
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _located(text, error) from error
    found: Condition = _Builder().transform(tree)
    count = sum(1 for _ in found.comparisons)
    if count > MOST_COMPARISONS:
        english = "has {count} comparisons, and at most {most} are possible; make two rules of it"
        raise ConditionError(sentence("condition-too-large", english, count=count, most=MOST_COMPARISONS), 1)
    return _checked(found)


def first_holding(condition: Condition, values: Mapping[str, float]) -> Comparison:
    """The first comparison that holds, which explains an alert; the first of all if none does."""
    every = list(condition.comparisons)
    return next((each for each in every if each.holds(values)), every[0])


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


@v_args(inline=True)
class _Builder(Transformer[Token, Condition]):
    """Makes our tree of lark's, with numbers as they were written."""

    def comparison(self, name: Token, op: Token, number: Token, unit: Token | None) -> Comparison:
        written = str(name)
        return Comparison(stored_name(written), str(op), float(number), name.column or 1, written, str(unit or ""))

    def all_of(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else AllOf(parts)

    def any_of(self, *parts: Condition) -> Condition:
        return parts[0] if len(parts) == 1 else AnyOf(parts)


def _checked(condition: Condition) -> Condition:
    """With every threshold in its metric's unit. Raises ConditionError for a unit or a number that can't be meant."""
    if isinstance(condition, Comparison):
        return _check_range(_in_own_unit(condition))
    return type(condition)(tuple(_checked(each) for each in condition.parts))


def _in_own_unit(found: Comparison) -> Comparison:
    metric = quantity(found.metric)
    if not found.unit or (found.unit == "%" and metric.unit == "percent"):
        return found
    if found.unit != "%" and metric.unit in _TIMES:
        seconds = found.threshold * _SECONDS[found.unit]
        return replace(found, threshold=seconds / _TIMES[metric.unit])
    english = "{metric} is in {unit}, and can't be compared with {found}; leave the unit out or use {unit}"
    shown = f"{found.threshold:g}{found.unit}"
    reason = sentence("condition-unit", english, metric=found.written, unit=_unit_name(metric), found=shown)
    raise ConditionError(reason, found.column)


def _check_range(found: Comparison) -> Comparison:
    """Refuse a threshold that a share can never pass, or that is meant between 0 and 1."""
    metric = quantity(found.metric)
    if not metric.is_share or found.op in ("==", "!="):
        return found
    if 0 < found.threshold < 1:
        english = "{metric} is in percent: write {meant} instead of {found}"
        meant, written = f"{100 * found.threshold:g}", f"{found.threshold:g}"
        reason = sentence("condition-fraction", english, metric=found.written, meant=meant, found=written)
        raise ConditionError(reason, found.column)
    if not 0 <= found.threshold <= 100:
        english = "{metric} is in percent, from 0 to 100: {found} is out of range"
        written = f"{found.threshold:g}"
        reason = sentence("condition-out-of-range", english, metric=found.written, found=written)
        raise ConditionError(reason, found.column)
    return found


def _unit_name(metric: Quantity) -> str:
    return "no unit" if metric.unit == "number" else metric.unit


def _check_depth(text: str) -> None:
    depth = 0
    for column, character in enumerate(text, 1):
        depth += (character == "(") - (character == ")")
        if depth > DEEPEST:
            english = "brackets are nested more than {most} deep; make two rules of it"
            raise ConditionError(sentence("condition-too-deep", english, most=DEEPEST), column)


def _located(text: str, error: UnexpectedInput) -> ConditionError:
    """Where the text stops being a condition, and what could stand there."""
    position = getattr(error, "pos_in_stream", None)
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    column = len(text) + 1 if at_end or position is None else position + 1
    expected = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "expected", None)
    possible = ", ".join(_NAMES[each] for each in _NAMES if each in (expected or ()))
    if at_end:
        english = "ends too early, at column {column}: expected {possible}"
        return ConditionError(sentence("condition-incomplete", english, column=column, possible=possible), column)
    found = repr(text[column - 1 : column - 1 + _SHOWN].split(" ", maxsplit=1)[0])
    english = "{found} at column {column} is unexpected: expected {possible}"
    return ConditionError(
        sentence("condition-unexpected", english, found=found, column=column, possible=possible), column
    )
