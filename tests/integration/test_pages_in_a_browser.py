"""Swagger UI, ReDoc and the SLA report in a real browser: they are drawn, and their policies stop nothing."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from embedded.ports import free_ports
from services.gateway.http.language import Translator
from services.gateway.sla import report_page
from shared.http import api_pages
from shared.http.connections import ConnectionLimits
from shared.http.listening import HttpServer
from shared.http.security_headers import SecurityHeaders
from shared.process.serving import server_config
from tests.support.polling import eventually
from tests.support.sla_reports import report
from tools.locks import ROOT

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
REFUSED = re.compile(r"(?:Refused to|violates the following Content Security Policy)[^\n]*")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="there is no Chromium; the policies are tested without it"),
]


class Server(HttpServer):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[str]:
    """A server with the pages, as gateway and simulator have them."""

    async def document(request: object) -> FileResponse:
        return FileResponse(ROOT / "docs" / "simulator-openapi.json")

    async def sla(request: object) -> HTMLResponse:
        page = report_page.write(report(), Translator("en"))
        return HTMLResponse(page, headers={"Content-Security-Policy": report_page.POLICY})

    routes = [*api_pages.routes("Simulator"), Route("/openapi.json", document), Route("/report", sla)]
    [port] = free_ports(1)
    app = SecurityHeaders(Starlette(routes=routes))
    server = Server(server_config(app, host="127.0.0.1", port=port, limits=ConnectionLimits(), drain_seconds=1))
    running = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return bool(server.started)

    await eventually(listens)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await running


async def shown(url: str, home: Path) -> tuple[str, list[str]]:
    """The page's elements once it is drawn, and what its policy has refused."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options += ["--virtual-time-budget=30000", "--enable-logging=stderr", f"--user-data-dir={home}", "--dump-dom"]
    process = await asyncio.create_subprocess_exec(
        BROWSER,
        *options,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(home)},
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return output.decode(errors="replace"), REFUSED.findall(errors.decode(errors="replace"))


@pytest.mark.parametrize(
    ("path", "drawn"),
    [
        ("/docs", ['class="opblock ', "/api/v1/external-metrics"]),
        ("/redoc", ["/api/v1/external-metrics"]),
        ("/report", ["<svg", 'class="part-up"']),
    ],
)
async def test_a_page_is_drawn_and_its_policy_stops_nothing(
    address: str, path: str, drawn: list[str], tmp_path: Path
) -> None:
    elements, refused = await shown(address + path, tmp_path)

    assert [each for each in drawn if each not in elements] == []
    assert refused == []
