"""The pages of the API: what they load is served by us, and their policy allows nothing else."""

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from shared.http.api_pages import FILES, PAGES, routes
from tools.page_files import FOLDER, PACKAGES, Stored, digest, stored

STORED = [file for package in PACKAGES for file in package.files]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes('A title with <tags> & "quotes"'))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_files_of_this_server_only_and_they_are_there(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "//" not in page.text.replace("<!doctype", "")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) > 3
    for address in loaded:
        answer = await client.get(httpx.URL(f"http://here{path}").join(address))
        assert answer.status_code == 200, address
        assert answer.content


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_inline_script_and_its_policy_allows_none(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))

    assert not re.search(r"<script(?! src=)|\son\w+=|javascript:", page.text)
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert (policy["connect-src"], policy["frame-ancestors"]) == ("'self'", "'none'")
    assert not any("http" in value or "*" in value for value in policy.values())


@pytest.mark.parametrize("path", PAGES)
async def test_styles_that_a_page_makes_need_the_nonce_of_its_answer(client: httpx.AsyncClient, path: str) -> None:
    first, second = await client.get(path), await client.get(path)
    policies = [each.headers["content-security-policy"] for each in (first, second)]

    assert not any("unsafe" in policy for policy in policies)
    nonces = [re.findall(r'data-nonce="([\w-]{20,})"', each.text) for each in (first, second)]
    assert [re.findall(r"style-src 'self' 'nonce-([\w-]+)'", policy) for policy in policies] == nonces
    assert nonces == [[], []] or nonces[0] != nonces[1]


async def test_a_title_is_text(client: httpx.AsyncClient) -> None:
    assert "<title>A title with &lt;tags&gt; &amp; &quot;quotes&quot;</title>" in (await client.get("/docs")).text


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_sent_compressed_if_the_client_reads_that_and_only_once(
    client: httpx.AsyncClient, name: str
) -> None:
    path = f"/docs/assets/{name}"
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    compressed = await client.get(path, headers={"Accept-Encoding": "gzip"})
    again = await client.get(path, headers={"If-None-Match": plain.headers["etag"]})

    assert plain.content == compressed.content
    assert "content-encoding" not in plain.headers
    assert (compressed.headers.get("content-encoding") == "gzip") == (FOLDER / f"{name}.gz").exists()
    assert (again.status_code, again.content) == (304, b"")
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_nothing_else_of_the_folder_is_served(client: httpx.AsyncClient) -> None:
    for name in ("swagger-ui.LICENSE.txt", "..%2fapi_pages.py", "swagger-ui.css.gz"):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 404


@pytest.mark.parametrize("file", STORED, ids=lambda each: each.name)
def test_a_stored_file_is_the_one_that_the_table_names(file: Stored) -> None:
    assert digest(stored(file)) == file.digest, "run `python -m tools.page_files`"


def test_every_file_of_others_is_in_the_table_and_nothing_calls_home() -> None:
    ours = {"page.css", "redoc.js", "swagger.js"}
    assert {path.name for path in FOLDER.iterdir()} == {file.name for file in STORED} | ours
    redoc = gzip.decompress((FOLDER / "redoc.standalone.js.gz").read_bytes())
    assert b"cdn.redoc.ly" not in redoc
    assert b"otel." not in redoc
