"""Quantities against cases of apimachinery's behaviour, and as properties."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kube import quantities
from shared.kube.quantities import QuantityError, canonical, from_bytes, from_milli, milli, nano, parse, whole

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi", "e3", "E-2", "e+6"]
texts = st.builds(
    lambda sign, integer, fraction, suffix: f"{sign}{integer}{fraction}{suffix}",
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**9),
    st.one_of(st.just(""), st.integers(0, 9999).map(lambda digits: f".{digits}")),
    st.sampled_from(SUFFIXES),
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("100m", "100m"), ("1000m", "1"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("1e3", "1e3"), ("1e4", "10e3"),
        ("12000", "12k"), ("1500", "1500"), ("1024Ki", "1Mi"), ("2048", "2048"), ("0", "0"), ("-0", "0"), ("0Gi", "0"),
        ("1.1Gi", "1181116006400m"), ("0.1Ki", "102400m"), ("1.5Ki", "1536"), ("1E", "1E"), ("0.1n", "1n"),
        ("-1.5", "-1500m"), ("1.", "1"), (".5", "500m"), ("1000Ei", "9223372036854775807"),
        ("1e999", "9223372036854775807"),
    ],
)  # fmt: skip
def test_a_quantity_is_written_as_the_api_server_writes_it(text: str, written: str) -> None:
    assert canonical(text) == written


@pytest.mark.parametrize("text", ["", "banana", "1x", "1.5.5", "1 Gi", "Gi1Gi", "١"])
def test_what_does_not_look_like_a_quantity_is_refused_in_apimachinerys_words(text: str) -> None:
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        parse(text)


@pytest.mark.parametrize("text", ["1Kii", "1e", "1mm", "1Ki3", "1K"])
def test_an_unknown_suffix_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="unable to parse quantity's suffix"):
        parse(text)


def test_values_come_in_the_units_that_the_scheduler_counts_in() -> None:
    assert (milli("0.5"), milli(2), milli(0.25), milli("1u")) == (500, 2000, 250, 1)
    assert (whole("1Ki"), whole("1500m"), whole("4")) == (1024, 2, 4)
    assert (from_milli(1500), from_milli(2000), from_bytes(3 * 2**29), from_bytes(1000)) == (
        "1500m",
        "2",
        "1536Mi",
        "1k",
    )
    assert parse("1.5Gi") == Decimal(3 * 2**29)


@given(texts)
def test_the_canonical_form_is_worth_the_same(text: str) -> None:
    assert parse(canonical(text)) == parse(text)


@given(texts)
def test_the_canonical_form_of_a_canonical_form_is_itself(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(texts)
def test_the_canonical_form_has_no_fraction(text: str) -> None:
    assert "." not in canonical(text)


@given(st.text(max_size=12))
def test_any_text_is_either_a_quantity_or_a_quantity_error(text: str) -> None:
    try:
        parse(text)
    except QuantityError as error:
        assert str(error) in {quantities.FORMAT_WRONG, quantities.SUFFIX_WRONG}


@given(texts)
def test_nano_units_are_the_exact_value(text: str) -> None:
    assert nano(text) == parse(text) * 10**9
    assert nano("250m") == 250_000_000


@pytest.mark.parametrize("text", ["١m", "1.5.5Mi", "1 Mi"])
def test_nano_units_of_what_is_no_quantity_are_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        nano(text)
