"""Tokens of the identity provider at the simulator's port with TLS."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from embedded.ports import free_ports
from services.simulator.api.access.rbac import Rbac
from services.simulator.api.access.request_access import Access
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import AUTHENTICATED, MASTERS, User
from services.simulator.api.errors import ApiError
from services.simulator.secure import Secured
from services.simulator.settings import SimulatorSettings
from services.simulator.storage.store import Store
from shared.identity.caller import Role
from tests.support.simulator_api import NOW
from tests.support.token_issuer import CLIENT, DISCOVERY, Answer, TokenIssuer, ec_key, running_issuer

PODS = Attributes("list", "", "pods")


@pytest.fixture
async def issuer() -> AsyncIterator[TokenIssuer]:
    async with running_issuer() as issuer:
        yield issuer


@pytest.fixture
async def secured(issuer: TokenIssuer, tmp_path: Path) -> AsyncIterator[Secured]:
    [port] = free_ports(1)
    settings = SimulatorSettings(
        https_port=port, state_directory=tmp_path, oidc_issuer=issuer.url, oidc_client_id=CLIENT
    )
    secured = Secured(settings, port, dict)
    yield secured
    await secured.close()


def token(issuer: TokenIssuer, role: Role) -> str:
    return issuer.as_role(role, subject="ann")["Authorization"].removeprefix("Bearer ")


async def test_a_role_of_the_provider_is_a_group_and_its_administrators_are_masters(
    secured: Secured, issuer: TokenIssuer
) -> None:
    viewer = await secured.user("default", token(issuer, Role.VIEWER))
    assert viewer == User("oidc:ann", ("oidc:viewer", AUTHENTICATED))
    admin = await secured.user("demo", token(issuer, Role.ADMIN))
    assert admin == User("oidc:ann", ("oidc:admin", MASTERS, AUTHENTICATED))


async def test_without_rbac_only_the_provider_s_administrators_may_do_something(
    secured: Secured, issuer: TokenIssuer
) -> None:
    allowed = {role: Access(await secured.user("default", token(issuer, role))).decide(PODS).allowed for role in Role}
    assert allowed == {Role.VIEWER: False, Role.OPERATOR: False, Role.TENANT_ADMIN: False, Role.ADMIN: True}


async def test_with_rbac_a_binding_of_the_group_gives_rights(secured: Secured, issuer: TokenIssuer) -> None:
    store, group = Store(lambda: NOW), "rbac.authorization.k8s.io"
    rule = {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
    store.create(f"clusterroles.{group}", {"kind": "ClusterRole", "metadata": {"name": "lists"}, "rules": [rule]})
    binding = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "viewers-list"},
        "roleRef": {"kind": "ClusterRole", "name": "lists"},
        "subjects": [{"kind": "Group", "name": "oidc:viewer"}],
    }
    store.create(f"clusterrolebindings.{group}", binding)
    for role, allowed in ((Role.VIEWER, True), (Role.OPERATOR, False)):
        user = await secured.user("default", token(issuer, role))
        assert Access(user, Rbac(store)).decide(PODS).allowed is allowed


async def test_an_outage_of_the_provider_is_no_refusal(secured: Secured, issuer: TokenIssuer) -> None:
    issuer.answers[DISCOVERY] = Answer(status=500)
    with pytest.raises(ApiError) as unknown:
        await secured.user("default", token(issuer, Role.ADMIN))
    assert unknown.value.code == 503
    del issuer.answers[DISCOVERY]


async def test_another_key_or_audience_proves_nothing(secured: Secured, issuer: TokenIssuer) -> None:
    assert await secured.user("default", token(issuer, Role.ADMIN)) is not None
    for forged in (issuer.token(key=ec_key()), issuer.token(aud="another"), issuer.token(exp=1), "", "x.y.z"):
        assert await secured.user("default", forged) is None
