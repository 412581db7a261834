"""What authentication costs: a GET with a token, beside the same GET of a gateway without authentication.

    make bench ARGS=identity

The two gateways are the same program on the same database, and are asked in turn. The limit is 5 % of the CPU time of a
GET. The second table has the time of the check itself, which the difference of two processes can't show that exactly: a
token that was checked before, as all but the first call of a client have, and one that is new.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from rich.table import Table

from embedded.child import until
from services.gateway.access.authentication import Authentication
from services.gateway.http.middleware import RequestScope
from services.gateway.limits.bounded_storage import BoundedStorage
from services.gateway.limits.rates import Rate
from shared.identity.caller import Role
from shared.identity.oidc import open_id_connect
from shared.identity.settings import IdentitySettings
from tests.benchmarks.programs import START_SECONDS, Stack, answers, cpu, running_stack
from tests.support.asgi import call
from tests.support.bench_report import show
from tests.support.http_client import local_client
from tests.support.token_issuer import CLIENT, TokenIssuer, ec_key, ed_key, rsa_key, running_issuer

CALLS, ROUNDS, WARM_UP = 200, 7, 50
CHECKS = 2000
LIMIT = 0.05
UNREACHED = 10_000_000
DEMO = {"X-Demo-Mode": "true"}
TENANT = "measured"


@dataclass
class Way:
    name: str
    url: str
    pid: int
    headers: dict[str, str]
    cpus: list[float] = field(default_factory=list)
    """Seconds of a GET, in each round."""

    async def measure(self, client: httpx.AsyncClient, calls: int) -> float:
        before = cpu([self.pid])
        for _ in range(calls):
            answer = await client.get(self.url, headers=self.headers)
            assert answer.status_code == 200, answer.text
        return (cpu([self.pid]) - before) / calls


async def gateway(stack: Stack, port: str, **variables: str) -> int:
    pid = await stack.programs.start("-m", "services.gateway", PORT=str(stack.ports[port]), **variables)
    await until(lambda: answers(f"{stack.url(port)}/ready"), START_SECONDS)
    return pid


async def measured_gets(stack: Stack, issuer: TokenIssuer) -> list[Way]:
    path = f"/api/v1/tenants/{TENANT}"
    # Rates are counted, as wherever authentication is on, and not reached.
    rates = {"IDENTITY_RATE": str(UNREACHED), "ADDRESS_RATE": str(UNREACHED)}
    on = {"OIDC_ISSUER": issuer.url, "OIDC_CLIENT_ID": CLIENT, **rates}
    pids = [await gateway(stack, "gateway"), await gateway(stack, "bare", **on)]
    token = issuer.as_role(Role.VIEWER, TENANT, exp=int(time.time()) + 3600)
    ways = [
        Way("without authentication", f"{stack.url('gateway')}{path}", pids[0], DEMO),
        Way("with a token", f"{stack.url('bare')}{path}", pids[1], DEMO | token),
    ]
    async with local_client(timeout=30) as client:
        body = {"tenant_id": TENANT, "name": TENANT, "service_requirements": {"callbot": 10}, "deploy": False}
        created = await client.post(f"{stack.url('gateway')}/api/v1/tenants/", json=body, headers=DEMO)
        assert created.status_code == 201, created.text
        for way in ways:
            await way.measure(client, WARM_UP)
        for _, way in itertools.product(range(ROUNDS), ways):
            way.cpus.append(await way.measure(client, CALLS))
    return ways


async def seconds_of(checks: int, check: Callable[[int], Awaitable[object]]) -> float:
    begun = time.process_time()
    for number in range(checks):
        await check(number)
    return (time.process_time() - begun) / checks


async def answering(scope: object, receive: object, send: object) -> None:
    """An application that does nothing."""


@asynccontextmanager
async def middleware(issuer: TokenIssuer) -> AsyncIterator[RequestScope]:
    provider = open_id_connect(IdentitySettings(oidc_issuer=issuer.url, oidc_client_id=CLIENT))
    assert provider is not None
    await provider.verifier.caller(issuer.token())
    yield RequestScope(Authentication(answering, [provider.verifier]))
    await provider.close()


async def measured_checks(issuer: TokenIssuer) -> dict[str, float]:
    """Seconds of CPU of the middleware for one call."""
    found: dict[str, float] = {}
    async with middleware(issuer) as app:

        async def send(token: str) -> None:
            headers = [(b"authorization", f"Bearer {token}".encode())]
            await call(app, path="/api/v1/tenants/x", headers=headers)

        nothing = await seconds_of(CHECKS, lambda _: call(RequestScope(answering), path="/x", headers=[]))
        token = issuer.token()
        found["a token that was checked before"] = await seconds_of(CHECKS, lambda _: send(token)) - nothing
        for key_id, kind in (("rsa", "RS256"), ("first", "ES256"), ("ed", "EdDSA")):
            new = [issuer.token(key_id, jti=str(number)) for number in range(CHECKS // 5)]
            found[f"a new token, {kind}"] = await seconds_of(len(new), lambda n: send(new[n])) - nothing  # noqa: B023
    found["the rates of an identity and an address"] = await seconds_of(CHECKS, count_rates())
    return found


def count_rates() -> Callable[[int], Awaitable[object]]:
    """What limits count for a call of a proven caller."""
    storage = BoundedStorage()
    identities, addresses = (Rate(name, UNREACHED, storage) for name in ("identity", "address"))

    async def count(_: int) -> None:
        await addresses.hit("192.0.2.1")
        await identities.hit("person:user-1")
        identities.headers(await identities.count("person:user-1"))

    return count


async def main() -> None:
    keys = {"first": ec_key(), "rsa": rsa_key(), "ed": ed_key()}
    async with running_issuer(keys=keys) as issuer:
        async with running_stack() as stack:
            await stack.serve("calculator")
            ways = await measured_gets(stack, issuer)
        checks = await measured_checks(issuer)
    compare(ways, checks)


def compare(ways: list[Way], checks: dict[str, float]) -> None:
    off, on = (statistics.median(way.cpus) for way in ways)
    differences = [with_token - without for without, with_token in zip(ways[0].cpus, ways[1].cpus, strict=True)]
    table = Table("", "CPU of a GET", "relative", title=f"GET /tenants/{{id}}, {ROUNDS} rounds of {CALLS}")
    table.add_row(ways[0].name, f"{off * 1e6:.0f} µs", "1.00")
    table.add_row(ways[1].name, f"{on * 1e6:.0f} µs", f"{1 + statistics.median(differences) / off:.3f}")
    details = Table("", "CPU", f"of a GET (limit {LIMIT:.0%})", title="The check alone")
    for name, seconds in checks.items():
        details.add_row(name, f"{seconds * 1e6:.0f} µs", f"{seconds / off:.1%}")
    show(table)
    show(details)


if __name__ == "__main__":
    asyncio.run(main())
