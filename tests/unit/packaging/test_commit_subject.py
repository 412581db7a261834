"""Subjects of commits: a scope, the imperative, at most 72 characters."""

import pytest

from tools.commit_subject import fault


@pytest.mark.parametrize(
    "subject",
    [
        "deployer: requeue after a conflict",
        "shared, embedded: rename",
        "Merge branch 'main'",
        "fixup! ci: x",
        "x: " + "y" * 69,
    ],
)
def test_a_subject_in_the_form_is_accepted(subject: str) -> None:
    assert fault(subject) is None


@pytest.mark.parametrize(
    ("subject", "reason"),
    [("x: " + "y" * 70, "73 characters"), ("Fix it", "scope"), ("", "scope"), ("docs: end with a stop.", "full stop")],
)
def test_a_fault_of_a_subject_is_named(subject: str, reason: str) -> None:
    assert reason in (fault(subject) or "")
