"""How `ecp` calls the gateway: with which key, and where it never sends it."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer

from cli.gateway import call, printable, reason, streamed


class Gateway(ThreadingHTTPServer):
    """Answers each call with what it was sent; `/moved` leads elsewhere."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/elsewhere")
            self.end_headers()
            return
        body = json.dumps({"authorization": self.headers.get("Authorization"), "mode": self.headers["X-Demo-Mode"]})
        self.send_response(404 if self.path == "/unknown" else 200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing: it would go to the terminal of the tests."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    for name in ("ECP_TOKEN", "ECP_TOKEN_FILE", "ECP_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_without_a_key_has_no_authorization(gateway: Gateway) -> None:
    assert call("GET", "/x", demo=True, url=gateway.url) == (200, {"authorization": None, "mode": "true"})


def test_the_key_comes_from_the_environment_or_from_a_file(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("ecp_from_a_file\n")
    monkeypatch.setenv("ECP_TOKEN_FILE", str(file))
    assert call("GET", "/x", demo=False, url=gateway.url)[1]["authorization"] == "Bearer ecp_from_a_file"
    monkeypatch.setenv("ECP_TOKEN", "ecp_from_the_environment")
    assert call("GET", "/x", demo=False, url=gateway.url)[1]["authorization"] == "Bearer ecp_from_the_environment"


def test_the_key_is_not_sent_to_where_a_redirect_leads(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECP_TOKEN", "ecp_secret")
    status, _ = call("GET", "/moved", demo=False, url=gateway.url)
    assert status == 302
    assert gateway.paths == ["/moved"]


@pytest.mark.parametrize("content", [b"two words", b"\xff\xfe", b"line\nbreak", None])
def test_a_key_that_can_not_be_used_ends_the_command_without_showing_it(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("ECP_TOKEN_FILE", str(file))
    with pytest.raises(typer.Exit):
        call("GET", "/x", demo=False, url=gateway.url)
    assert gateway.paths == []
    assert "two words" not in capsys.readouterr().err


def test_an_error_is_a_sentence_with_a_line_for_each_field() -> None:
    error = {"message": "wrong", "details": {"errors": [{"field": "role", "message": "one of \x1b[31m"}]}}
    assert reason({"error": error}) == "wrong\n  role: one of \ufffd[31m"
    assert printable("a\nb\x07") == "a\nb\ufffd"


def test_a_gateway_that_is_away_ends_the_command(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        call("GET", "/x", demo=False, url="http://127.0.0.1:1")
    assert "can't be reached" in capsys.readouterr().err
    with pytest.raises(typer.BadParameter, match="write http"):
        call("GET", "/x", demo=False, url="file:///etc/passwd")


@pytest.fixture
def other_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that answers with the bytes of the parameter."""
    answer: bytes = request.param

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


ALERT = b"\x15\x03\x03\x00\x02\x02\x0a\r\n"
"""What a server with TLS answers to a request without it."""
CUT_OFF = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{}\r\n"


@pytest.mark.parametrize("other_server", [ALERT], indirect=True)
def test_a_server_that_speaks_tls_is_named_in_a_sentence(other_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        call("GET", "/x", demo=False, url=other_server)
    assert "https:// instead of http://" in capsys.readouterr().err


@pytest.mark.parametrize("other_server", [CUT_OFF, ALERT], indirect=True)
def test_an_answer_that_is_cut_off_is_no_traceback(other_server: str) -> None:
    problem = r"ends too early|speak HTTP"
    with pytest.raises(OSError, match=problem), streamed("/x", demo=False, url=other_server) as body:
        assert body.readline() == b"{}\r\n"
        body.readline()
