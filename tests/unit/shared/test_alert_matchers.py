"""Matchers of alerts: Alertmanager's operators, and patterns that can't take long."""

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.alerts.matchers import Matcher, alert_labels, all_match

LABELS = {"service": "callbot", "team": "billing"}


def matcher(op: str, value: str, label: str = "service") -> Matcher:
    return Matcher.model_validate({"label": label, "op": op, "value": value})


@pytest.mark.parametrize(
    ("op", "value", "matches"),
    [
        ("=", "callbot", True),
        ("=", "call", False),
        ("!=", "stt", True),
        ("=~", "call.*", True),
        ("=~", "call", False),
        ("=~", "stt|callbot", True),
        ("=~", ".allbo.", True),
        ("=~", "callbot.+", False),
        ("=~", ".*l.*l.*t", True),
        ("=~", "", False),
        ("!~", "stt|tts", True),
        ("!~", "c.*", False),
    ],
)
def test_an_operator_compares_the_whole_value(op: str, value: str, *, matches: bool) -> None:
    assert matcher(op, value).matches(LABELS) is matches


@pytest.mark.parametrize(("op", "matches"), [("=", True), ("!=", False), ("=~", True)])
def test_a_missing_label_counts_as_an_empty_one(op: str, *, matches: bool) -> None:
    assert matcher(op, "", label="pod").matches(LABELS) is matches


def test_a_backslash_makes_a_character_stand_for_itself() -> None:
    assert matcher("=~", r"a\.b\*").matches({"service": "a.b*"})
    assert not matcher("=~", r"a\.b").matches({"service": "axb"})


@pytest.mark.parametrize(("pattern", "column"), [("(a+)+", 1), ("a{3}", 2), ("ab[c]", 3), ("^a", 1), ("a*", 2)])
def test_what_a_pattern_can_t_have_is_refused_with_its_column(pattern: str, column: int) -> None:
    with pytest.raises(ValidationError, match=f"column {column}: "):
        matcher("=~", pattern)
    assert matcher("=", pattern).matches({"service": pattern})


def test_a_pattern_that_ends_with_a_backslash_is_refused() -> None:
    with pytest.raises(ValidationError, match="ends with a backslash"):
        matcher("=~", "a\\")


def test_an_alert_has_its_name_its_severity_and_its_tenant_as_labels() -> None:
    labels = alert_labels("cpu", "critical", "acme", {"severity": "mine", "pod": "p"})
    assert all_match([matcher("=", "critical", "severity"), matcher("=", "cpu", "alertname")], labels)
    assert labels["tenant_id"] == "acme"


def test_a_matcher_reads_as_alertmanager_writes_it() -> None:
    assert str(matcher("=~", 'a"b')) == 'service=~"a\\"b"'


@given(
    st.text(alphabet="ab.|", max_size=8).flatmap(
        lambda text: st.lists(st.sampled_from(["", ".*", ".+", "."]), min_size=len(text), max_size=len(text)).map(
            lambda parts: "".join(a + b for a, b in zip(text, parts, strict=True))
        )
    ),
    st.text(alphabet="abc\n", max_size=8),
)
def test_a_pattern_matches_what_pythons_does(pattern: str, value: str) -> None:
    assert matcher("=~", pattern).matches({"service": value}) is bool(re.fullmatch(pattern, value, re.DOTALL))


def test_the_worst_pattern_takes_no_time_to_speak_of() -> None:
    worst = matcher("=~", ".*a" * 60 + "b")
    began = time.process_time()
    assert not worst.matches({"service": "a" * 2000})
    assert time.process_time() - began < 1


@given(st.text(alphabet=string.printable, max_size=200))
def test_any_pattern_is_either_refused_or_matches_in_the_end(pattern: str) -> None:
    try:
        built = matcher("=~", pattern)
    except ValidationError:
        return
    built.matches({"service": pattern})
