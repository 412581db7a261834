"""The scan of locked packages, against an index of the test's own."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tools.vulnerabilities import LOCK, IndexAway, Vulnerability, pinned, scan

KNOWN = {
    "/one/1.0/json": {"vulnerabilities": []},
    "/two/2.0/json": {
        "vulnerabilities": [
            {"id": "PYSEC-1", "fixed_in": ["2.1"], "details": "It\nbreaks.", "withdrawn": None},
            {"id": "PYSEC-2", "fixed_in": [], "details": "Nothing.", "withdrawn": "2026-01-01T00:00:00Z"},
        ]
    },
}


@pytest.fixture
def index() -> Iterator[str]:
    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = KNOWN.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            """Discard the log."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_pinned_version_of_the_lock_is_looked_at() -> None:
    packages = pinned(LOCK.read_text(encoding="utf-8"))
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line and line[0].isalnum()]

    assert len(packages) == len(lines) > 100
    assert {"pydantic", "uvicorn", "cryptography"} <= {name for name, _ in packages}


def test_an_advisory_is_shown_with_its_fix_unless_it_was_withdrawn(index: str) -> None:
    found = list(scan([("one", "1.0"), ("two", "2.0")], index))

    assert found == [Vulnerability("two 2.0", "PYSEC-1", ("2.1",), "It breaks.")]
    assert str(found[0]) == "two 2.0: PYSEC-1 (fixed in 2.1) It breaks."


def test_an_index_that_knows_no_such_release_or_is_away_is_no_clean_result(index: str) -> None:
    with pytest.raises(IndexAway, match="404"):
        list(scan([("one", "1.0"), ("three", "3.0")], index))
    with pytest.raises(IndexAway):
        list(scan([("one", "1.0")], "http://127.0.0.1:9"))
