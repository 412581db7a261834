"""Bodies that mean more than they say."""

import pytest

from services.simulator.api.bodies import parse_yaml
from services.simulator.api.errors import ApiError


def bomb(levels: int) -> bytes:
    lines = ['a0: &a0 ["x", "x", "x", "x", "x", "x", "x", "x", "x"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def test_aliases_that_stand_for_billions_of_values_are_refused_at_once() -> None:
    with pytest.raises(ApiError, match="excessive aliasing"):
        parse_yaml(bomb(30))


def test_an_alias_inside_of_itself_is_refused() -> None:
    with pytest.raises(ApiError):
        parse_yaml(b"a: &a [*a]")


def test_a_few_aliases_are_fine() -> None:
    assert parse_yaml(b"a: &a {x: 1}\nb: *a\nc: *a") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}
