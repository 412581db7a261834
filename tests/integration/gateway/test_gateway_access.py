"""Every call with every role, on a tenant of the caller and on another one, in both modes, over HTTP.

Rows come from the table of rules, calls from the OpenAPI document, so a new route is tested without a further line.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from services.gateway.access.rules import RULES, SOCKETS, Rule, Scope
from services.gateway.http.operation_ids import operation_id
from shared.events import TenantDeleted
from shared.identity.caller import Role
from shared.subjects import Mode
from shared.tenants import NAMESPACE_PREFIX
from tests.support.answering_workers import answering_workers
from tests.support.database_rows import left_as_found
from tests.support.documented import documented
from tests.support.gateway import Gateway, error_of, mode_header, tenant
from tests.support.polling import eventually
from tests.support.token_issuer import TokenIssuer
from tools.openapi_rules import JsonObject, Operation

NO_CREDENTIAL, NO_ROLE = "no credential", "no role"
CALLERS = (NO_CREDENTIAL, NO_ROLE, *Role)
OF_WORKERS = {
    "getTenantDiff",
    "getSystemMetrics",
    "adoptNamespace",
    "getSlaReport",
    "getSlaAnalysis",
    "listMaintenance",
    "announceMaintenance",
    "cancelMaintenance",
    "receiveTenantAlert",
    "replaceAlertRule",
    "deleteAlertRule",
    "testAlertRules",
}
"""The deployer or the monitor answers these: allowed is an answer, and neither a 503 nor a conflict."""
NO_TENANT = ("TENANT_NOT_FOUND", "DEPLOYMENT_NOT_FOUND", "INCIDENT_NOT_FOUND")
LAST = ("deleteTenant", "revokeApiKey")
ROWS = {operation_id(name): rule for name, rule in RULES.items()}
OPERATIONS = sorted(
    (each for _, each in documented() if each.spec["operationId"] in ROWS),
    key=lambda each: (each.spec["operationId"] in LAST, each.method != "get", each.spec["operationId"]),
)
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Topic:
    """A tenant of the test, with its deployment."""

    tenant_id: str
    deployment_id: str
    key_id: str = "k3v9x2m4q8z1"
    """An API key of the mode."""
    window_id: int = 1
    """A maintenance window of the tenant."""
    incident_id: str = "incident-000000000000"
    silence_id: str = "silence-000000000000"
    recurring_id: str = "recurring-000000000000"

    @property
    def found(self) -> str:
        """The tenant of a namespace that isn't adopted yet, for those who may see this one."""
        return f"{self.tenant_id}-found"


@dataclass
class Access:
    """A gateway with authentication, and callers of each role."""

    gateway: Gateway
    issuer: TokenIssuer
    others: dict[Mode, Topic] = field(default_factory=dict)

    def headers(self, caller: str, *tenants: str, subject: str = "ann") -> dict[str, str]:
        if caller == NO_CREDENTIAL:
            return {}
        if caller == NO_ROLE:
            token = self.issuer.token(sub=subject, realm_access={"roles": []}, tenant_access=list(tenants))
            return {"Authorization": f"Bearer {token}"}
        return self.issuer.as_role(Role(caller), *tenants, subject=subject)

    async def create(self, mode: Mode, **changes: Any) -> Topic:
        """A tenant that only administrators may see."""
        headers = {**mode_header(mode), **self.headers(Role.ADMIN, subject="root")}
        body = tenant(tenant_id=f"access-{next(_NUMBERS):04}", **changes)
        answer = await self.gateway.http.post("/tenants/", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        key = {"name": body["tenant_id"], "role": Role.VIEWER.value, "tenants": [body["tenant_id"]]}
        made = await self.gateway.http.post("/keys", json=key, headers=headers)
        assert made.status_code == 201, made.text
        window = {"start": "2098-01-10T02:00:00Z", "end": "2098-01-10T04:00:00Z"}
        path = f"/tenants/{body['tenant_id']}/maintenance"
        announced = await self.gateway.http.post(path, json=window, headers=headers)
        assert announced.status_code == 201, announced.text
        window_id = announced.json()["windows"][0]["id"]
        topic = Topic(body["tenant_id"], answer.json()["deployment_id"], made.json()["id"], window_id)
        ids = await self._ids_of_incidents(topic, headers)
        return replace(topic, incident_id=ids["incident"], silence_id=ids["silence"], recurring_id=ids["recurring"])

    async def _ids_of_incidents(self, topic: Topic, headers: dict[str, str]) -> dict[str, str]:
        """An incident, a silence and recurring maintenance of the tenant."""
        recurrence = {"days": ["sun"], "start": "02:00", "duration": "1h"}
        matchers = [{"label": "alertname", "value": "none"}]
        path = f"/tenants/{topic.tenant_id}"
        found: dict[str, str] = {}
        for name, where, body in (
            ("incident", "/incidents", {"tenant_id": topic.tenant_id, "title": "A test"}),
            ("silence", f"{path}/silences", {"matchers": matchers, "reason": "a test", "recurrence": recurrence}),
            ("recurring", f"{path}/maintenance/recurring", {"recurrence": recurrence, "reason": "a test"}),
        ):
            answer = await self.gateway.http.post(where, json=body, headers=headers)
            assert answer.status_code == 201, answer.text
            found[name] = answer.json()[f"{name}_id"]
        return found

    async def other(self, mode: Mode) -> Topic:
        """One tenant of each mode that belongs to no caller of a test."""
        if mode not in self.others:
            self.others[mode] = await self.create(mode)
        return self.others[mode]

    async def send(self, operation: Operation, topic: Topic, headers: dict[str, str]) -> httpx.Response:
        """The operation's example, for the topic."""
        path = f"http://127.0.0.1:{self.gateway.settings.port}{operation.path}"
        examples = {each["name"]: _example(each) for each in operation.parameters if each["in"] == "path"}
        known = examples | {each.name: getattr(topic, each.name) for each in fields(topic)}
        body = _body(operation, topic)
        return await self.gateway.http.request(operation.method, path.format(**known), json=body, headers=headers)


def _example(parameter: JsonObject) -> Any:
    return parameter.get("example") or parameter["schema"]["examples"][0]


def _body(operation: Operation, topic: Topic) -> Any:
    examples = operation.body_examples
    if not examples or not isinstance(examples[0], dict):
        return examples[0] if examples else None
    own = {
        "tenant_id": topic.tenant_id,
        "deployment_id": topic.deployment_id,
        "namespace": f"{NAMESPACE_PREFIX}{topic.found}",
    }
    if operation.spec["operationId"] == "createTenant":
        own["tenant_id"] = f"access-{next(_NUMBERS):04}"
    return {name: own.get(name, value) for name, value in examples[0].items()}


def names_a_tenant(rule: Rule) -> bool:
    return rule.scope in (Scope.TENANT, Scope.DEPLOYMENT, Scope.INCIDENT, Scope.BODY, Scope.NAMESPACE)


def expected(rule: Rule, caller: str, *, is_own: bool) -> int | None:
    """The status of a refusal; None if the call is allowed."""
    if caller == NO_CREDENTIAL:
        return 401
    if caller != Role.ADMIN and not is_own and names_a_tenant(rule) and not _is_late(rule, caller):
        return 404
    if rule.least is None:
        return None
    return None if caller != NO_ROLE and Role(caller).includes(rule.least) else 403


def _is_late(rule: Rule, caller: str) -> bool:
    """The tenant of a body is known after the check of the role."""
    is_in_body = rule.scope in (Scope.BODY, Scope.NAMESPACE)
    return is_in_body and (caller == NO_ROLE or not Role(caller).includes(rule.least or Role.VIEWER))


def cells(own: Topic, other: Topic) -> Iterator[tuple[Operation, Rule, Topic, bool]]:
    for operation in OPERATIONS:
        rule = ROWS[operation.spec["operationId"]]
        yield operation, rule, own, True
        if names_a_tenant(rule):
            yield operation, rule, other, False


def problem_of(answer: httpx.Response, status: int | None, operation: Operation) -> str | None:
    if status is not None:
        return None if answer.status_code == status else f"{answer.status_code} instead of {status}"
    if operation.spec["operationId"] in OF_WORKERS:
        return None if answer.status_code < 300 else f"{answer.status_code} instead of an answer: {answer.text[:200]}"
    # What an example names may be missing, as the first version of settings that were never changed, but no tenant may.
    is_missing = answer.status_code == 404 and answer.json()["error"]["code"] not in NO_TENANT
    is_allowed = answer.status_code < 300 or answer.status_code in (409, 422) or is_missing
    return None if is_allowed else f"{answer.status_code} instead of an allowed call: {answer.text[:200]}"


async def rows_of(gateway: Gateway, mode: Mode, topic: Topic) -> list[Any]:
    """Everything that is stored about a tenant and that a call might change."""
    row_id = "(SELECT id FROM tenants WHERE tenant_id = :id)"
    queries = (
        "SELECT generation, revision, status, service_requirements, options, target FROM tenants WHERE tenant_id = :id",
        f"SELECT deployment_id, status, request FROM deployments WHERE tenant_id = {row_id}",  # noqa: S608
        f"SELECT kind, subject FROM tenant_access WHERE tenant_id = {row_id}",  # noqa: S608
        f"SELECT count(*) FROM deployment_reports WHERE tenant_id = {row_id}",  # noqa: S608
        "SELECT generation FROM tenant_generations WHERE tenant_id = :id",
        "SELECT scope, key FROM idempotency_keys WHERE scope LIKE '%' || :id || '%' ORDER BY 1, 2",
    )
    async with gateway.databases[mode].begin() as connection:
        found = [(await connection.execute(text(query), {"id": topic.tenant_id})).all() for query in queries]
    return [sorted(map(str, rows)) for rows in found]


@pytest.fixture(scope="module")
async def access(gateway: Gateway, secured: Gateway, issuer: TokenIssuer) -> AsyncIterator[Access]:
    """Both gateways and their databases are shared, so what the calls have stored is removed at the end."""
    async with left_as_found(*(gateway.databases[mode] for mode in Mode)), answering_workers(gateway):
        yield Access(secured, issuer)
    for each in (gateway, secured):
        for mode in Mode:
            each.modes[mode].mode_settings.forget()


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("caller", CALLERS)
async def test_every_call_with_every_role(access: Access, mode: Mode, caller: str) -> None:
    own, other = await access.create(mode), await access.other(mode)
    headers = {**mode_header(mode), **access.headers(caller, own.tenant_id, own.found)}
    await _rendered(access, mode, own, other)
    before = [await rows_of(access.gateway, mode, each) for each in (own, other)]
    wrong: list[str] = []
    allowed: list[tuple[Operation, Topic, bool]] = []
    for operation, rule, topic, is_own in cells(own, other):
        status = expected(rule, caller, is_own=is_own)
        if status is None:
            allowed.append((operation, topic, is_own))
            continue
        answer = await access.send(operation, topic, headers)
        if problem := problem_of(answer, status, operation):
            wrong.append(f"{operation} on {'its own' if is_own else 'another'} tenant: {problem}")
    after = [await rows_of(access.gateway, mode, each) for each in (own, other)]

    assert wrong == []
    assert after == before, "a refused call has changed something"
    for operation, topic, is_own in allowed:
        answer = await access.send(operation, topic, headers)
        if problem := problem_of(answer, None, operation):
            wrong.append(f"{operation} on {'its own' if is_own else 'another'} tenant: {problem}")
        if caller != Role.ADMIN and other.tenant_id in answer.text:
            wrong.append(f"{operation} tells a {caller} of another tenant: {answer.text[:500]}")
    assert wrong == []
    if caller != Role.ADMIN:
        assert (await rows_of(access.gateway, mode, other)) == before[1], "a call on another tenant has changed it"


async def _rendered(access: Access, mode: Mode, *topics: Topic) -> None:
    """Until no event of the creation changes a row any more: nothing after the rendering runs here."""
    for topic in topics:
        headers = {**mode_header(mode), **access.headers(Role.ADMIN)}
        await _until_phase(access, f"/deployments/{topic.deployment_id}", headers)


async def _until_phase(access: Access, path: str, headers: dict[str, str]) -> None:
    async def is_there() -> bool:
        answer = await access.gateway.http.get(path, headers=headers)
        return answer.json().get("phase") == "validating"

    await eventually(is_there)


@pytest.mark.parametrize("caller", [Role.VIEWER, Role.TENANT_ADMIN])
async def test_another_s_tenant_is_answered_like_one_that_never_existed(access: Access, caller: Role) -> None:
    mode = Mode.DEMO
    other, never = await access.other(mode), Topic("never-existed", "dep-000000000000")
    headers = {**mode_header(mode), **access.headers(caller, "of-ann")}
    for operation in OPERATIONS:
        if ROWS[operation.spec["operationId"]].scope not in (Scope.TENANT, Scope.DEPLOYMENT, Scope.INCIDENT):
            continue
        answers = [await access.send(operation, topic, headers) for topic in (other, never)]
        assert _told(answers[0], other) == _told(answers[1], never), str(operation)


def _told(answer: httpx.Response, topic: Topic) -> Any:
    """The answer without what is different in each one."""
    error = answer.json()["error"]
    shown = f"{answer.status_code} {error['code']} {error['message']} {error['details']}"
    hidden = {"x-request-id", "date", "content-length"}
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in hidden)
    for own in (topic.tenant_id, topic.deployment_id, topic.incident_id, topic.silence_id, topic.recurring_id):
        shown = shown.replace(own, "ID")
    return shown, headers


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("caller", CALLERS)
async def test_every_socket_with_every_role(access: Access, mode: Mode, caller: str) -> None:
    own, other = await access.create(mode, deploy=True), await access.other(mode)
    headers = access.headers(caller, own.tenant_id)
    for name, rule in SOCKETS.items():
        for topic, is_own in ((own, True), (other, False)):
            sought = topic.deployment_id if rule.scope is Scope.DEPLOYMENT else topic.tenant_id
            path = f"/ws/{name}/{sought}?demo={str(mode is Mode.DEMO).lower()}"
            assert await _outcome(access.gateway, path, headers) == _socket_outcome(caller, is_own=is_own), path


def _socket_outcome(caller: str, *, is_own: bool) -> int | None:
    if caller == NO_CREDENTIAL:
        return 4401
    if caller == NO_ROLE:
        return 4403
    return None if is_own or caller == Role.ADMIN else 4404


async def _outcome(gateway: Gateway, path: str, headers: dict[str, str]) -> int | None:
    """The close code; None if the socket stays open. A message that it doesn't know is always answered."""
    url = f"ws://127.0.0.1:{gateway.settings.port}{path}"
    async with connect(url, proxy=None, compression=None, additional_headers=headers) as socket:
        try:
            await socket.send('{"action": "unknown"}')
            async with asyncio.timeout(60):
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


async def test_a_creator_sees_its_tenant_until_it_is_deleted_and_made_again_by_another(access: Access) -> None:
    name = f"access-{next(_NUMBERS):04}"
    http, ann = access.gateway.http, access.headers(Role.TENANT_ADMIN, subject="creator-ann")
    bob = access.headers(Role.TENANT_ADMIN, subject="creator-bob")
    made = await http.post("/tenants/", json=tenant(tenant_id=name), headers={**mode_header(Mode.DEMO), **ann})
    assert made.status_code == 201
    found = await http.get(f"/tenants/{name}", headers={**mode_header(Mode.DEMO), **ann})
    assert {"change", "delete", "deploy"} <= set(found.json()["permissions"])
    listed = (await http.get("/tenants/", headers={**mode_header(Mode.DEMO), **ann})).json()
    assert ([each["tenant_id"] for each in listed["tenants"]], listed["total_count"]) == ([name], 1)
    assert (await http.get("/me", headers={**mode_header(Mode.DEMO), **ann})).json()["tenants"] == [name]
    error_of(await http.get(f"/tenants/{name}", headers=ann), 404, "TENANT_NOT_FOUND")  # production
    error_of(await http.get(f"/tenants/{name}", headers={**mode_header(Mode.DEMO), **bob}), 404, "TENANT_NOT_FOUND")

    again = await http.post("/tenants/", json=tenant(tenant_id=name), headers={**mode_header(Mode.DEMO), **bob})
    error = error_of(again, 409, "TENANT_ALREADY_EXISTS")
    assert error["details"] == {"tenant_id": name}
    assert "pending" not in error["message"] and "deploying" not in error["message"]
    await _delete(access, name)
    made = await http.post("/tenants/", json=tenant(tenant_id=name), headers={**mode_header(Mode.DEMO), **bob})
    assert made.status_code == 201
    error_of(await http.get(f"/tenants/{name}", headers={**mode_header(Mode.DEMO), **ann}), 404, "TENANT_NOT_FOUND")
    assert (await http.get("/me", headers={**mode_header(Mode.DEMO), **ann})).json()["tenants"] == []


async def _delete(access: Access, name: str) -> None:
    """As the deployer does it."""
    headers = {**mode_header(Mode.DEMO), **access.headers(Role.ADMIN)}
    answer = await access.gateway.http.delete(f"/tenants/{name}", headers=headers)
    deletion = (await access.gateway.http.get(f"/deployments/{answer.json()['deletion_id']}", headers=headers)).json()
    event = TenantDeleted(
        tenant_id=name, deletion_id=deletion["deployment_id"], generation=deletion["generation"], message="deleted"
    )
    await access.gateway.publish(event)

    async def is_gone() -> bool:
        return (await access.gateway.http.get(f"/tenants/{name}", headers=headers)).status_code == 404

    await eventually(is_gone)


async def test_an_administrator_gives_a_tenant_and_takes_it_away(access: Access) -> None:
    topic = await access.create(Mode.DEMO)
    http, root = access.gateway.http, {**mode_header(Mode.DEMO), **access.headers(Role.ADMIN, subject="root")}
    eve = {**mode_header(Mode.DEMO), **access.headers(Role.OPERATOR, subject="auth0|eve/1")}
    path = f"/tenants/{topic.tenant_id}/access/auth0%7Ceve%2F1"
    assert (await http.get(f"/tenants/{topic.tenant_id}", headers=eve)).status_code == 404
    given = (await http.put(path, headers=root)).json()
    assert ("auth0|eve/1", "person:root") in [(each["subject"], each["granted_by"]) for each in given["access"]]
    assert (await http.put(path, headers=root)).json() == given
    assert (await http.get(f"/tenants/{topic.tenant_id}", headers=eve)).status_code == 200
    assert (await http.post(f"/tenants/{topic.tenant_id}/stop", headers=eve)).status_code == 202
    error = error_of(await http.delete(f"/tenants/{topic.tenant_id}", headers=eve), 403, "FORBIDDEN")
    assert error["details"]["required_role"] == "tenant_admin"

    assert (await http.delete(path, headers=root)).status_code == 200
    assert (await http.get(f"/tenants/{topic.tenant_id}", headers=eve)).status_code == 404
    error_of(await http.delete(path, headers=root), 404, "NOT_FOUND")
    error_of(await http.put(f"/tenants/{topic.tenant_id}/access/{'x' * 256}", headers=root), 422, "VALIDATION_ERROR")


async def test_a_key_and_a_person_of_the_same_name_are_different_callers(access: Access) -> None:
    topic = await access.create(Mode.DEMO)
    http, root = access.gateway.http, {**mode_header(Mode.DEMO), **access.headers(Role.ADMIN, subject="root")}
    await http.put(f"/tenants/{topic.tenant_id}/access/mallory?kind=key", headers=root)
    mallory = {**mode_header(Mode.DEMO), **access.headers(Role.VIEWER, subject="mallory")}
    assert (await http.get(f"/tenants/{topic.tenant_id}", headers=mallory)).status_code == 404


async def test_one_caller_s_stored_answer_is_never_given_to_another(access: Access) -> None:
    http, body = access.gateway.http, tenant(tenant_id=f"access-{next(_NUMBERS):04}")
    key = {"Idempotency-Key": "shared-by-chance", **mode_header(Mode.DEMO)}
    ann, bob = (access.headers(Role.TENANT_ADMIN, subject=each) for each in ("key-ann", "key-bob"))
    first = await http.post("/tenants/", json=body, headers={**key, **ann})
    assert (await http.post("/tenants/", json=body, headers={**key, **ann})).json() == first.json()
    error_of(await http.post("/tenants/", json=body, headers={**key, **bob}), 409, "TENANT_ALREADY_EXISTS")


async def test_an_id_of_another_is_only_in_use(access: Access) -> None:
    other = await access.other(Mode.DEMO)
    http, ann = access.gateway.http, {**mode_header(Mode.DEMO), **access.headers(Role.TENANT_ADMIN)}
    found = (await http.get(f"/tenants/check-duplicate/{other.tenant_id}", headers=ann)).json()
    assert (found["available"], found["existing_tenant"]) == (False, None)
    assert "by a tenant" not in found["message"]


async def test_dashboards_count_the_caller_s_tenants_only(access: Access) -> None:
    own = await access.create(Mode.DEMO)
    await access.other(Mode.DEMO)
    ann = {**mode_header(Mode.DEMO), **access.headers(Role.VIEWER, own.tenant_id, subject="dan")}
    shown = (await access.gateway.http.get("/operations/dashboard", headers=ann)).json()
    assert shown["tenant_stats"]["total_tenants"] == 1
    assert sum(shown["tenant_stats"]["by_preset"].values()) == 1
    assert {each["tenant_id"] for each in shown["recent_deployments"]} == {own.tenant_id}


async def test_timings_are_for_administrators(access: Access) -> None:
    for role, has_them in ((Role.TENANT_ADMIN, False), (Role.ADMIN, True)):
        headers = {**access.headers(role), "X-Debug": "true"}
        assert ("x-debug-info" in (await access.gateway.http.get("/me", headers=headers)).headers) == has_them
