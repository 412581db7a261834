"""Campaigns find responses that violate the document, and an interrupted long campaign continues."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.api_fuzzing import Campaign, Progress, Target, check_long

pytestmark = pytest.mark.slow


NUMBER = {"application/json": {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "one", "version": "1"},
    "paths": {
        "/things/{name}": {
            "get": {
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "OK", "content": NUMBER}, "503": {"description": "Away"}},
            }
        }
    },
}


class Server(BaseHTTPRequestHandler):
    """A server that sends the same response to every request."""

    status: ClassVar[int] = 200
    body: ClassVar[Any] = {"n": 1}
    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        content = json.dumps(self.body).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[tuple[type[Server], str]]:
    handler = type("OneServer", (Server,), {"paths": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield handler, f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


def campaign(url: str) -> Campaign:
    return Campaign(DOCUMENT, [target(url, "kept")], seed=1, reasons=["is away"])


def target(url: str, name: str) -> Target:
    return Target(name, url, known={"name": [name, "gone"]})


def found(url: str, cases: int = 5) -> list[str]:
    running = campaign(url)
    for _ in running.run(cases):
        pass
    return [each.what for each in running.findings]


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, {"n": 1}, None),
        (503, "the database is away", None),
        (503, "no reason", "503: "),
        (500, {"n": 1}, "500: "),
        (418, {"n": 1}, "undocumented status 418"),
        (200, {"n": "one"}, "200, Response violates schema"),
    ],
)
def test_an_answer_that_the_document_does_not_allow_is_found(
    server: tuple[type[Server], str], status: int, body: Any, what: str | None
) -> None:
    handler, url = server
    handler.status, handler.body = status, body
    findings = found(url)
    assert bool(findings) == (what is not None)
    assert all(each.startswith(what or "") for each in findings)


def test_no_answer_is_found() -> None:
    assert all(each.startswith("no answer") for each in found("http://127.0.0.1:1", 1))


def test_a_batch_is_the_same_each_time(server: tuple[type[Server], str]) -> None:
    handler, url = server
    found(url, 40)
    once = list(handler.paths)
    handler.paths.clear()
    found(url, 40)
    assert handler.paths == once
    assert len(set(once)) > 5


def test_a_case_is_sent_to_each_target_with_the_names_that_it_knows(server: tuple[type[Server], str]) -> None:
    handler, url = server
    targets = [target(f"{url}/first", "one"), target(f"{url}/second", "two")]
    for _ in Campaign(DOCUMENT, targets, seed=1).run(40):
        pass
    first, second = handler.paths[::2], handler.paths[1::2]

    assert [each.replace("/first/", "/second/").replace("/things/one", "/things/two") for each in first] == second
    assert "/first/things/one" in first
    assert len(set(first)) > 5


async def test_an_interrupted_campaign_goes_on_at_its_next_batch(
    server: tuple[type[Server], str], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler, url = server
    monkeypatch.setattr(pytestconfig.cache, "mkdir", lambda name: tmp_path)
    running = campaign(url)
    whole = list(running.run(60))
    wanted = list(handler.paths)
    handler.paths.clear()

    progress = Progress.load(tmp_path / "one.json", 1)
    interrupted = campaign(url)
    for progress.position in interrupted.run(60):
        progress.sent = interrupted.drawn
        progress.save()
        if progress.position == whole[-1] // 2:
            break
    await check_long(campaign(url), pytestconfig, "one", 60)
    assert handler.paths == wanted
    assert not (tmp_path / "one.json").exists()


def test_progress_of_another_seed_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    Progress(path, seed=1, position=7, sent=140).save()
    assert Progress.load(path, 1) == Progress(path, 1, 7, 140)
    assert Progress.load(path, 2) == Progress(path, 2)
