"""API keys over HTTP: made at one copy of the gateway, used at another one that needs credentials."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import structlog

from embedded.postgres import PostgresServer
from services.gateway.keys.first_key import make_first_key
from services.gateway.keys.key_text import new_id, new_key
from services.gateway.keys.verifier import KeyVerifier
from shared.database import Database, DatabaseSettings
from shared.errors import Refused
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, error_of, mode_header
from tests.support.migrated_databases import migrated_database
from tests.support.polling import eventually
from tests.support.warm_programs import WarmPrograms


async def make_key(gateway: Gateway, mode: Mode = Mode.DEMO, **changes: Any) -> dict[str, Any]:
    body = {"name": "ci", "role": "viewer", "tenants": ["*"], **changes}
    answer = await gateway.http.post("/keys", json=body, headers=mode_header(mode))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    return made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def answer_to(secured: Gateway, key: str, path: str = "/tenants/", **headers: str) -> httpx.Response:
    return await secured.http.get(path, headers={**bearer(key), **headers})


async def is_refused(secured: Gateway, key: str) -> bool:
    return (await answer_to(secured, key)).status_code == 401


async def row_of(gateway: Gateway, key_id: str) -> asyncpg.Record:
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    try:
        row = await connection.fetchrow("SELECT * FROM api_keys WHERE key_id = $1", key_id)
    finally:
        await connection.close()
    assert row is not None
    return row


async def test_a_key_is_shown_once_and_stored_as_its_hash(gateway: Gateway) -> None:
    made = await make_key(gateway, name="exporter")
    listed = (await gateway.http.get("/keys", headers=DEMO)).json()
    [found] = [each for each in listed if each["id"] == made["id"]]
    assert found == {name: value for name, value in made.items() if name != "key"}
    secret = made["key"].rpartition("_")[2]
    assert secret not in str(dict(await row_of(gateway, made["id"])))
    others = (await gateway.http.get("/keys")).json()
    assert made["id"] not in [each["id"] for each in others]


async def test_a_key_opens_its_mode_without_the_header_and_never_the_other(gateway: Gateway, secured: Gateway) -> None:
    name = f"only-in-demo-{uuid4().hex[:8]}"
    await gateway.create(Mode.DEMO, tenant_id=name, deploy=False)
    key = (await make_key(gateway))["key"]
    answer = await answer_to(secured, key, f"/tenants/{name}")
    assert answer.status_code == 200, answer.text
    error = error_of(await answer_to(secured, key, **{"X-Demo-Mode": "false"}), 403, "FORBIDDEN")
    assert "X-Demo-Mode: true" in error["message"]


async def test_a_key_sees_the_tenants_that_it_names_and_does_what_its_role_may(
    gateway: Gateway, secured: Gateway
) -> None:
    mine, other = (f"scoped-{uuid4().hex[:8]}" for _ in range(2))
    for name in (mine, other):
        await gateway.create(Mode.DEMO, tenant_id=name, deploy=False)
    key = (await make_key(gateway, tenants=[mine]))["key"]
    assert (await answer_to(secured, key, f"/tenants/{mine}")).status_code == 200
    error_of(await answer_to(secured, key, f"/tenants/{other}"), 404, "TENANT_NOT_FOUND")
    body = {"name": "another", "role": "admin"}
    error_of(await secured.http.post("/keys", json=body, headers=bearer(key)), 403, "FORBIDDEN")


async def test_a_revoked_key_is_refused_here_at_once_and_elsewhere_within_seconds(
    gateway: Gateway, secured: Gateway
) -> None:
    administrator = (await make_key(gateway, role="admin", tenants=None))["key"]
    made = await make_key(gateway)
    assert (await answer_to(secured, made["key"])).status_code == 200
    answer = await secured.http.delete(f"/keys/{made['id']}", headers=bearer(administrator))
    assert answer.status_code == 204, answer.text
    answer = await answer_to(secured, made["key"])
    error_of(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    made = await make_key(gateway)
    assert (await answer_to(secured, made["key"])).status_code == 200
    assert (await gateway.http.delete(f"/keys/{made['id']}", headers=DEMO)).status_code == 204
    await eventually(lambda: is_refused(secured, made["key"]))


async def test_after_a_rotation_both_secrets_are_valid_until_the_overlap_ends(
    gateway: Gateway, secured: Gateway
) -> None:
    made = await make_key(gateway)
    path = f"/keys/{made['id']}/rotate"
    rotated = (await gateway.http.post(path, json={"overlap_minutes": 30}, headers=DEMO)).json()
    assert rotated["id"] == made["id"]
    assert rotated["expires_at"] == made["expires_at"]
    assert [(await answer_to(secured, each["key"])).status_code for each in (made, rotated)] == [200, 200]
    last = (await gateway.http.post(path, json={"overlap_minutes": 0}, headers=DEMO)).json()
    await eventually(lambda: is_refused(secured, rotated["key"]))
    assert await is_refused(secured, made["key"])
    assert (await answer_to(secured, last["key"])).status_code == 200


async def test_an_expired_key_is_refused_with_the_reason(gateway: Gateway, secured: Gateway) -> None:
    made = await make_key(gateway)
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    await connection.execute(
        "UPDATE api_keys SET expires_at = $1 WHERE key_id = $2", datetime.now(UTC) - timedelta(seconds=1), made["id"]
    )
    await connection.close()
    error = error_of(await answer_to(secured, made["key"], **{"Accept-Language": "ko"}), 401, "UNAUTHORIZED")
    assert "만료" in error["message"]


@pytest.mark.parametrize("way", ["unknown id", "other secret", "other mode"])
async def test_a_key_that_only_looks_right_is_refused(gateway: Gateway, secured: Gateway, way: str) -> None:
    made = await make_key(gateway)
    key = {
        "unknown id": new_key(Mode.DEMO, new_id()),
        "other secret": new_key(Mode.DEMO, made["id"]),
        "other mode": new_key(Mode.PRODUCTION, made["id"]),
    }[way]
    with structlog.testing.capture_logs() as logs:
        answer = await answer_to(secured, key)
    error_of(answer, 401, "UNAUTHORIZED")
    secret = key.rpartition("_")[2]
    assert secret not in answer.text
    assert secret not in str(answer.headers)
    assert secret not in str(logs)


async def test_the_last_use_is_written_by_a_task_and_not_by_the_request(gateway: Gateway, secured: Gateway) -> None:
    made = await make_key(gateway)
    for _ in range(3):
        await answer_to(secured, made["key"])
    keys: KeyVerifier = secured.app.state.keys
    await keys.uses.write(Mode.DEMO, secured.database)
    used = (await row_of(gateway, made["id"]))["last_used_at"]
    assert made["last_used_at"] is None
    assert used is not None
    await keys.uses.write(Mode.DEMO, secured.database)
    assert (await row_of(gateway, made["id"]))["last_used_at"] == used


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "role": "viewer"}, "tenants"),
        ({"name": "x", "role": "admin", "tenants": ["a"]}, "tenants"),
        ({"name": "x", "role": "viewer", "tenants": ["*", "a"]}, "alone"),
        ({"name": "x", "role": "viewer", "tenants": []}, "tenants"),
        ({"name": "x", "role": "root", "tenants": ["*"]}, "role"),
        ({"name": "x\u0000", "role": "admin"}, "name"),
        ({"name": "x", "role": "admin", "expires_in_days": 3651}, "expires_in_days"),
    ],
)
async def test_a_key_with_an_unclear_scope_is_not_made(gateway: Gateway, body: dict[str, Any], field: str) -> None:
    before = len((await gateway.http.get("/keys", headers=DEMO)).json())
    error = error_of(await gateway.http.post("/keys", json=body, headers=DEMO), 422, "VALIDATION_ERROR")
    assert field in str(error)
    assert len((await gateway.http.get("/keys", headers=DEMO)).json()) == before


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_unknown_key_is_not_found(gateway: Gateway, method: str) -> None:
    path = "/keys/nosuchkey/rotate" if method == "POST" else "/keys/nosuchkey"
    error = error_of(await gateway.http.request(method, path, headers=DEMO), 404, "NOT_FOUND")
    assert "nosuchkey" in error["message"]


async def test_the_first_administrators_key_is_made_once_even_if_several_try(postgres: PostgresServer) -> None:
    url = await migrated_database(postgres, f"first_key_{uuid4().hex}")
    database = Database(Mode.PRODUCTION, DatabaseSettings(database_url=url), "test")
    try:
        found = await asyncio.gather(
            *(make_first_key(database, Mode.PRODUCTION, "first", 30) for _ in range(4)), return_exceptions=True
        )
        assert sum(isinstance(each, Refused) for each in found) == 3
        async with database.begin() as connection:
            await connection.exec_driver_sql("UPDATE api_keys SET expires_at = now() - interval '1 day'")
        # Otherwise an installation whose only administrator's key has expired were locked for ever.
        assert (await make_first_key(database, Mode.PRODUCTION, "second", 30)).role == "admin"
    finally:
        await database.dispose()


async def test_at_a_terminal_the_first_key_makes_lists_rotates_and_revokes_others(
    programs: WarmPrograms, gateway: Gateway, secured: Gateway, tmp_path: Any
) -> None:
    async def run(*command: str, **environment: str) -> tuple[int, str, str]:
        ended = await programs.run(*command, **environment)
        return ended.status, ended.output, ended.errors

    async with gateway.modes[Mode.PRODUCTION].database.begin() as connection:
        # Other tests share this gateway, and may have made an administrator's key in this mode.
        await connection.exec_driver_sql("DELETE FROM api_keys WHERE role = 'admin'")
    urls = {"DATABASE_URL": gateway.settings.database_url, "DEMO_DATABASE_URL": gateway.settings.demo_database_url}
    status, first, errors = await run("services.gateway.keys", **urls)
    assert status == 0, errors
    status, _, errors = await run("services.gateway.keys", **urls)
    assert (status, "already" in errors) == (1, True)
    file = tmp_path / "key"
    file.write_text(first, encoding="ascii")
    ecp = {"ECP_URL": f"http://127.0.0.1:{secured.settings.port}", "ECP_TOKEN_FILE": str(file), "ECP_TOKEN": ""}
    status, key, errors = await run("cli", "keys", "create", "ci", "--role", "operator", "--tenant", "a", **ecp)
    assert status == 0, errors
    assert key.startswith("ecp_prod_")
    assert key.strip() not in errors
    key_id = key.split("_")[2]
    status, listed, errors = await run("cli", "keys", "list", **ecp)
    assert (status, key_id in listed, "operator: a" in listed) == (0, True, True), errors
    assert (await run("cli", "keys", "revoke", key_id, **ecp))[:2] == (0, f"{key_id}: revoked\n")
    status, _, errors = await run("cli", "keys", "list", **{**ecp, "ECP_TOKEN": key.strip()})
    assert status == 1
    assert "isn't valid" in errors
    assert key.strip() not in errors
