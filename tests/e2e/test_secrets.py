"""No secret of a running stack is where others read: logs, metrics, answers, command lines, streams, databases."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx
import psutil
import pytest

from embedded.databases import EmbeddedDatabases
from embedded.settings import EmbeddedSettings
from tests.e2e.embedded_run import EmbeddedRun
from tests.support.http_client import local_client

pytestmark = pytest.mark.timeout(600)  # a guard against hanging; the start of the stack counts too
SHORTEST = 12
"""Letters of a text that is surely no other one by chance."""


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)


def secrets_of(run: EmbeddedRun) -> dict[str, str]:
    """Every password, token and key that the stack has made, by where it is kept."""
    directory = run.directory
    found = {}
    for file in (directory.bus_passwords, directory.database_passwords):
        for number, text in enumerate(texts_in(json.loads(file.read_text()))):
            found[f"{file.name} {number}"] = text
    state = directory.root / "simulator"
    found["admin.token"] = (state / "admin.token").read_text().strip()
    for name in ("ca.key", "server.key", "tokens.key"):
        # A line of the key itself, whatever separates the lines where it would be shown.
        found[name] = (state / name).read_text().splitlines()[1]
    return {name: text for name, text in found.items() if len(text) >= SHORTEST}


def leaks(secrets: dict[str, str], where: str, content: bytes) -> list[str]:
    spellings = {name: {text, quote(text, safe=""), json.dumps(text)[1:-1]} for name, text in secrets.items()}
    return [
        f"{name} in {where}" for name, texts in spellings.items() if any(text.encode() in content for text in texts)
    ]


def in_files(secrets: dict[str, str], folder: Path) -> list[str]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files, f"{folder} has no files"
    return [leak for file in files for leak in leaks(secrets, str(file), file.read_bytes())]


async def in_answers(secrets: dict[str, str], run: EmbeddedRun) -> list[str]:
    """Metrics and health of every service, errors of the gateway, and its documentation."""
    ports = [run.variables[f"{name}_PORT"] for name in ("GATEWAY", "SIMULATOR", "CALCULATOR", "MANIFEST", "DEPLOYER")]
    ports.append(run.variables["MONITOR_PORT"])
    urls = [f"http://127.0.0.1:{port}/{path}" for port in ports for path in ("metrics", "health", "ready")]
    urls += [f"{run.gateway}/{path}" for path in ("openapi.json", "api/v1/tenants/none", "api/v1/tenants/?limit=no")]
    found: list[str] = []
    async with local_client(timeout=60) as client:
        for url in urls:
            answer = await client.get(url, headers={"X-Debug": "true"})
            found += leaks(secrets, url, answer.content + repr(answer.headers).encode())
    return found


def in_command_lines(secrets: dict[str, str]) -> list[str]:
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            found += leaks(secrets, f"the command line of {process.pid}", "\0".join(process.cmdline()).encode())
        except psutil.Error:
            continue
    return found


async def in_databases(secrets: dict[str, str], run: EmbeddedRun) -> list[str]:
    """Every row of every table, of all three databases."""
    values = {name.lower(): value for name, value in run.variables.items() if name.endswith("_PORT")}
    settings = EmbeddedSettings(data_dir=run.data_dir, **values)  # type: ignore[arg-type]
    found: list[str] = []
    for url in EmbeddedDatabases(settings, run.directory.database_passwords).owner_urls().values():
        connection = await asyncpg.connect(url)
        try:
            tables = await connection.fetch("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'")
            assert tables
            for schema, table in tables:
                rows = await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" AS t')  # noqa: S608
                found += leaks(secrets, table, "\n".join(row[0] for row in rows).encode())
        finally:
            await connection.close()
    return found


async def test_no_secret_of_the_stack_is_where_others_read(run: EmbeddedRun) -> None:
    secrets = secrets_of(run)
    assert {"admin.token", "ca.key", "tokens.key"} < secrets.keys()
    assert sum(name.startswith("bus-passwords") for name in secrets) >= 8
    assert sum(name.startswith("database-passwords") for name in secrets) >= 5
    await wrong_logins(run)

    found = in_files(secrets, run.directory.logs)
    found += in_files(secrets, run.directory.jetstream)
    found += [leak for file in run.outputs for leak in leaks(secrets, str(file), file.read_bytes())]
    found += await in_answers(secrets, run)
    found += await asyncio.to_thread(in_command_lines, secrets)
    found += await in_databases(secrets, run)
    assert found == []


async def wrong_logins(run: EmbeddedRun) -> None:
    """What the simulator may be tempted to log: tokens that are almost right."""
    token = (run.directory.root / "simulator" / "admin.token").read_text().strip()
    url = f"https://127.0.0.1:{run.variables['SIMULATOR_HTTPS_PORT']}"
    async with local_client(timeout=60) as client:
        for header in (f"Basic {token}", f"Bearer {token}x"):
            answer = await client.get(f"{url}/api/v1/pods", headers={"Authorization": header})
            assert (answer.status_code, token in answer.text) == (401, False)
        with_token = await client.get(f"{url}/version", headers={"Authorization": f"Bearer {token}"})
        assert with_token.status_code == httpx.codes.OK


def test_a_secret_is_found_in_whatever_spelling() -> None:
    secrets = {"one": 'p/ss"word-of-mine'}
    for content in (b'x p/ss"word-of-mine', b"p%2Fss%22word-of-mine", b'{"a": "p/ss\\"word-of-mine"}'):
        assert leaks(secrets, "here", content) == ["one in here"]
    assert leaks(secrets, "here", b"p/ss") == []
