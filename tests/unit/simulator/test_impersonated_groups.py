"""The groups of users that a request acts as."""

import pytest

from services.simulator.api.access.users import AUTHENTICATED, impersonated_groups, service_account


@pytest.mark.parametrize(
    ("name", "given", "groups"),
    [
        ("bob", (), (AUTHENTICATED,)),
        ("bob", ("team",), ("team", AUTHENTICATED)),
        ("system:serviceaccount:a:b", (), service_account("a", "b").groups),
        ("system:serviceaccount:a:b", ("team",), ("team", AUTHENTICATED)),
        ("system:anonymous", (), ("system:unauthenticated",)),
        ("bob", ("system:unauthenticated",), ("system:unauthenticated",)),
    ],
)
def test_an_impersonated_user_has_the_groups_that_kubernetes_gives(
    name: str, given: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    assert impersonated_groups(name, given) == groups
