"""The product's endpoints of the simulator with authentication: every call with every role, in both modes."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from services.simulator.api.product.access import ProductAccess
from services.simulator.api.product.calls import OPERATIONS, DocumentedCall
from services.simulator.api.product.endpoints import ProductBackend, ProductEndpoints
from services.simulator.api.product.errors import EXCEPTION_HANDLERS
from shared.errors import DependencyUnavailable
from shared.identity.caller import Caller, CallerKind, Role
from shared.identity.verifiers import unauthorized

OWN, OTHER = "own", "other"


class Credentials:
    """Takes `<role>:<tenant>,<tenant>` for a token: what tokens prove has tests of its own."""

    def claims(self, credential: str) -> bool:
        return not credential.startswith("ecp_")

    async def caller(self, credential: str) -> Caller:
        if credential == "away":
            raise DependencyUnavailable("identity provider", "it doesn't answer")
        role, _, tenants = credential.partition(":")
        if role not in (*Role, "none"):
            raise unauthorized("token-unreadable", "the token can't be read")
        seen = None if role == Role.ADMIN else frozenset(tenants.split(","))
        return Caller("ann", CallerKind.PERSON, Role(role) if role != "none" else None, seen)

    async def again(self, credential: str, caller: Caller) -> Caller:
        return await self.caller(credential)


def client(verifiers: Sequence[Credentials] | None, external: Mapping[str, Any] | None = None) -> httpx.AsyncClient:
    backend = ProductBackend(
        system=lambda: {"nodes": 3},
        tenant=lambda tenant_id: {"tenant_id": tenant_id} if tenant_id in (OWN, OTHER) else None,
        tenants=lambda: [OWN, OTHER],
        external=dict(external or {}),
    )
    product = ProductEndpoints(
        {"default": backend, "demo": backend}, lambda: {}, lambda: b"# nothing\n", ProductAccess(verifiers)
    )
    app = Starlette(routes=product.routes(), exception_handlers=EXCEPTION_HANDLERS)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator")


async def send(
    http: httpx.AsyncClient, call: DocumentedCall, tenant_id: str, headers: dict[str, str]
) -> httpx.Response:
    body = {"tenant_id": tenant_id, "source": "billing", "metrics": {"sessions": 85}} if call.body else None
    path = call.path.format(tenant_id=tenant_id)
    return await http.request(call.method.upper(), path, json=body, headers=headers)


def expected(call: DocumentedCall, caller: str, tenant_id: str) -> int:
    if call.least is None:
        return min(call.success)
    if caller == "no credential":
        return 401
    if caller == "none" or not Role(caller).includes(call.least):
        return 403
    names_one = call.body is not None or "{tenant_id}" in call.path
    return 404 if names_one and tenant_id == OTHER and caller != Role.ADMIN else min(call.success)


@pytest.mark.parametrize("mode", ["true", "false"])
@pytest.mark.parametrize("caller", ["no credential", "none", *Role])
async def test_every_call_with_every_role(caller: str, mode: str) -> None:
    headers = {"X-Demo-Mode": mode} | ({} if caller == "no credential" else {"Authorization": f"Bearer {caller}:{OWN}"})
    async with client([Credentials()]) as http:
        for call in OPERATIONS:
            for tenant_id in (OWN, OTHER):
                answer = await send(http, call, tenant_id, headers)
                assert answer.status_code == expected(call, caller, tenant_id), (call.id, tenant_id, answer.text)
                assert answer.status_code in {*call.success, *call.answers}, call.id
                assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


async def test_another_s_tenant_is_answered_like_one_that_doesn_t_run_here() -> None:
    headers = {"Authorization": f"Bearer viewer:{OWN},gone"}
    async with client([Credentials()]) as http:
        errors = [
            (await http.get(f"/api/v1/metrics/{each}", headers=headers)).json()["error"] for each in (OTHER, "gone")
        ]
    told = [f"{each['code']} {each['message']} {each['details']}" for each in errors]
    assert told[0].replace(OTHER, "X") == told[1].replace("gone", "X")


async def test_what_proves_nothing_is_refused_and_an_outage_is_one() -> None:
    async with client([Credentials()]) as http:
        for given, status in (
            ("Bearer nonsense", 401),
            ("Bearer ecp_key", 401),
            ("Basic viewer:own", 401),
            ("Bearer", 401),
            (f"Bearer {'x' * 20_000}", 401),
            ("Bearer away", 503),
        ):
            answer = await http.get("/api/v1/metrics/own", headers={"Authorization": given})
            assert answer.status_code == status, given[:30]


async def test_without_authentication_everyone_may_do_everything() -> None:
    async with client(None) as http:
        for call in OPERATIONS:
            assert (await send(http, call, OTHER, {})).status_code == min(call.success), call.id
