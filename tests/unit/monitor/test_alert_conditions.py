"""The language of conditions: what it reads, what it refuses and where, and what it makes of missing values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.conditions import AllOf, AnyOf, Comparison, Condition, ConditionError, first_holding, parse
from shared.alerts.figures import QUANTITIES
from shared.alerts.standard_rules import STANDARD_RULES
from tests.support.examples import examples

NAMES = ("cpu", "memory", "queue_length")


def written(condition: Condition) -> str:
    """The text of a condition, with brackets around each part."""
    if isinstance(condition, Comparison):
        return f"{condition.metric} {condition.op} {condition.threshold:g}"
    word = " and " if isinstance(condition, AllOf) else " OR "
    return word.join(f"({written(each)})" for each in condition.parts)


comparisons = st.builds(
    lambda metric, op, threshold: Comparison(metric, op, float(threshold), 1, metric),
    st.sampled_from(NAMES),
    st.sampled_from([">", ">=", "<", "<=", "==", "!="]),
    st.integers(1, 99),
)
conditions = st.recursive(
    comparisons,
    lambda parts: st.builds(
        lambda kind, some: kind(tuple(some)), st.sampled_from([AllOf, AnyOf]), st.lists(parts, min_size=2, max_size=3)
    ),
    max_leaves=8,
)
values = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 100).map(float))


@examples(200, deadline=None)
@given(conditions, values)
def test_a_condition_means_what_its_text_means(condition: Condition, known: dict[str, float]) -> None:
    assert parse(written(condition)).holds(known) == condition.holds(known)


@examples(200, deadline=None)
@given(conditions, values, values)
def test_what_is_decided_without_a_value_stays_so_with_it(
    condition: Condition, known: dict[str, float], more: dict[str, float]
) -> None:
    decided = condition.holds(known)
    if decided is not None:
        assert condition.holds(more | known) == decided


@examples(300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_condition_or_refused_with_a_column(text: str) -> None:
    try:
        parse(text)
    except ConditionError as error:
        assert 1 <= error.column <= len(text) + 1
        assert error.reason.english


def test_and_binds_closer_than_or() -> None:
    assert written(parse("cpu > 1 or memory > 2 and gpu > 3")) == written(parse("cpu > 1 or (memory > 2 and gpu > 3)"))


def test_a_metric_has_the_name_that_it_is_posted_with() -> None:
    assert parse("CPU_usage > 80").holds({"cpu": 90.0})


def test_a_unit_is_converted_to_that_of_the_metric() -> None:
    assert parse("response_time > 1.5s").holds({"response_time": 1600.0})
    assert not parse("response_time > 2m").holds({"response_time": 1600.0})


@pytest.mark.parametrize(
    ("text", "column", "advice"),
    [
        ("cpu_usage >", 12, "expected a number"),
        ("cpu > 80 80", 10, "expected and, or"),
        ("(cpu > 1", 9, "expected )"),
        ("80 < cpu", 1, "expected a metric"),
        ("cpu > 1 and memory > 0.5", 13, "write 50 instead of 0.5"),
        ("availability < 0.995", 1, "write 99.5 instead of 0.995"),
        ("cpu > 101", 1, "out of range"),
        ("queue_length > 5%", 1, "no unit"),
        ("error_rate > 5ms", 1, "percent"),
        ("(" * 11 + "cpu > 1" + ")" * 11, 11, "nested"),
        (" or ".join(["cpu > 1"] * 31), 1, "31 comparisons"),
        ("cpu > 1" + " " * 1000, 1001, "longer than 1000"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place_and_what_to_change(text: str, column: int, advice: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse(text)
    assert refused.value.column == column
    assert advice in refused.value.reason.english


def test_the_first_comparison_that_holds_explains_an_alert() -> None:
    condition = parse("cpu > 80 or memory > 80")

    assert first_holding(condition, {"cpu": 10.0, "memory": 90.0}).metric == "memory"
    assert first_holding(condition, {}).metric == "cpu"


def test_the_standard_rules_are_conditions_over_known_figures() -> None:
    for rule in STANDARD_RULES.values():
        assert {each.metric for each in parse(rule.condition).comparisons} <= QUANTITIES.keys()
