"""`force_conflicts` where others' objects are in the tenant's namespace: for administrators only."""

import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from shared.errors import DependencyUnavailable
from shared.identity.caller import Role
from shared.rpc import InspectReply, InspectRequest
from shared.subjects import Rpc
from tests.support.deployer_part import Answers, answering
from tests.support.gateway import DEMO, Gateway, error_of, tenant
from tests.support.token_issuer import TokenIssuer

_NUMBERS = itertools.count(1)
FORCING = {"force_conflicts": True}
OCCUPIED = InspectReply(
    target="simulator", exists=True, adopted=("Deployment callbot",), foreign=("Deployment callbot",)
)
OURS = OCCUPIED.model_copy(update={"foreign": ()})
Deployer = Answers[InspectRequest, InspectReply]


@pytest.fixture
async def deployer(nats_url: str) -> AsyncIterator[Deployer]:
    deployer = Answers(InspectRequest, OCCUPIED)
    async with answering(nats_url, {Rpc.INSPECT: deployer}):
        yield deployer


@pytest.fixture
def ann(issuer: TokenIssuer) -> Mapping[str, str]:
    """May create and change tenants, and sees those that she created."""
    return {**DEMO, **issuer.as_role(Role.TENANT_ADMIN, subject="takeover-ann")}


@pytest.fixture
def root(issuer: TokenIssuer) -> Mapping[str, str]:
    return {**DEMO, **issuer.as_role(Role.ADMIN, subject="takeover-root")}


def body(**changes: Any) -> dict[str, Any]:
    return tenant(tenant_id=f"takeover-{next(_NUMBERS)}", **changes)


async def create(gateway: Gateway, headers: Mapping[str, str], wanted: dict[str, Any]) -> httpx.Response:
    return await gateway.http.post("/tenants/", json=wanted, headers=headers)


async def test_a_bound_caller_takes_over_nothing_by_a_creation_and_learns_no_names(
    secured: Gateway, deployer: Deployer, ann: Mapping[str, str]
) -> None:
    for deploy in (True, False):
        wanted = body(options=FORCING, deploy=deploy)
        answer = await create(secured, ann, wanted)
        error = error_of(answer, 403, "FORBIDDEN")
        assert "force_conflicts" in error["message"] and "callbot" not in answer.text
        assert error["details"]["required_role"] == "admin"
        assert deployer.asked[-1].tenant_id == wanted["tenant_id"]
        gone = await secured.http.get(f"/tenants/{wanted['tenant_id']}", headers=ann)
        error_of(gone, 404, "TENANT_NOT_FOUND")


async def test_nor_by_a_later_change_or_deployment(
    secured: Gateway, deployer: Deployer, ann: Mapping[str, str]
) -> None:
    wanted = body(deploy=False)
    assert (await create(secured, ann, wanted)).status_code == 201
    path = f"/tenants/{wanted['tenant_id']}"
    before = (await secured.http.get(path, headers=ann)).json()
    changed = {name: value for name, value in wanted.items() if name not in ("tenant_id", "deploy")}
    for method, end, sent in (
        ("PATCH", "", {"options": FORCING, "deploy": False}),
        ("PUT", "", {**changed, "options": FORCING}),
        ("POST", "/deploy", {"options": FORCING}),
    ):
        answer = await secured.http.request(method, path + end, json=sent, headers=ann)
        error_of(answer, 403, "FORBIDDEN")
    assert (await secured.http.get(path, headers=ann)).json() == before


async def test_in_a_namespace_of_its_own_it_may_and_an_administrator_may_everywhere(
    secured: Gateway, deployer: Deployer, ann: Mapping[str, str], root: Mapping[str, str]
) -> None:
    assert (await create(secured, root, body(options=FORCING, deploy=False))).status_code == 201
    assert deployer.asked == []
    deployer.reply = OURS
    assert (await create(secured, ann, body(options=FORCING, deploy=False))).status_code == 201
    deployer.reply = InspectReply(target="simulator", exists=False, foreign=())
    assert (await create(secured, ann, body(options=FORCING, deploy=False))).status_code == 201


async def test_while_it_can_not_be_known_it_is_refused(
    secured: Gateway, deployer: Deployer, ann: Mapping[str, str]
) -> None:
    deployer.reply = OCCUPIED.model_copy(update={"foreign": None})  # an older deployer: each object counts
    error_of(await create(secured, ann, body(options=FORCING, deploy=False)), 403, "FORBIDDEN")
    deployer.reply = DependencyUnavailable("the Kubernetes API of cluster demo", "no connection")
    answer = await create(secured, ann, body(options=FORCING, deploy=False))
    assert answer.status_code == 503
    assert (await create(secured, ann, body(deploy=False))).status_code == 201
