"""If-None-Match."""

import pytest

from services.gateway.http.etags import is_current


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ("a", False),
        ('"ab"', False),
        ("", False),
    ],
)
def test_only_the_tag_itself_is_current(header: str | None, expected: bool) -> None:
    assert is_current(header, '"a"') is expected
