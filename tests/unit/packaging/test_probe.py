"""The containers' health check: exit status 0 if the service is ready, otherwise 1 and its response."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from embedded.ports import free_ports
from tools.locks import ROOT

pytestmark = pytest.mark.slow


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()
            self.wfile.write(b'{"missing": {"NATS": "away"}}')

        def log_message(self, *_: object) -> None:
            """Discard the log."""

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def probe(port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", str(ROOT / "shared" / "probe.py"), *arguments]
    return subprocess.run(command, env={"PORT": str(port)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_it_asks_ready_of_its_own_service(status: int, expected: int) -> None:
    with answering(status) as port:
        done = probe(port)

    assert (done.returncode, done.stdout) == (expected, '{"missing": {"NATS": "away"}}\n')


def test_it_asks_another_address_too() -> None:
    with answering(200) as port:
        assert probe(1, f"http://127.0.0.1:{port}/ready").returncode == 0


def test_no_answer_is_unhealthy_and_reported() -> None:
    [port] = free_ports(1)
    done = probe(port)

    assert done.returncode == 1
    assert f"127.0.0.1:{port} doesn't answer" in done.stdout
