"""Suggestions for ids that can't be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.tenant_ids.suggestions import candidates, problem_of
from shared.tenants import RESERVED_TENANT_IDS


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        ("my-ai-service", "my-ai-service-2"),
        ("My AI Service!", "my-ai-service"),
        ("a" * 60, "a" * 50),
        ("고객센터", "tenant"),
        ("check-duplicate", "check-duplicate-2"),
        ("-x-", "x"),
    ],
)
def test_the_closest_id_comes_first(wanted: str, first: str) -> None:
    assert candidates(wanted)[0] == first


@given(st.text(max_size=200))
def test_each_candidate_is_valid_and_another_id(wanted: str) -> None:
    found = candidates(wanted)
    assert found
    assert wanted not in found
    assert len(found) == len(set(found))
    assert [each for each in found if problem_of(each) is not None] == []


@pytest.mark.parametrize("reserved", sorted(RESERVED_TENANT_IDS))
def test_a_path_of_the_api_is_no_id(reserved: str) -> None:
    problem = problem_of(reserved)
    assert problem is not None
    assert "is reserved" in problem.english
