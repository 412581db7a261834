"""The images' entry point: it kills a service that hangs, forwards signals, and reaps orphans."""

import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from embedded.ports import free_ports
from shared import probe
from shared.entrypoint import FailingTime, is_answered
from tools.locks import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="images are Linux'")

SERVICE = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.end_headers()
        if not answered:
            print("answered", flush=True)
            answered.append(True)
    def log_message(self, *arguments):
        pass
answered = []
def stop(*_):
    print("asked to stop", flush=True)
    os._exit(7)
signal.signal(signal.SIGTERM, stop)
server = http.server.HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler)
print(os.getpid(), flush=True)
server.serve_forever()
"""
QUICK = ("--failing", "1", "--grace", "60", "--every", "0.1")


@contextmanager
def started(code: str, *options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `code` under the entry point; yields the process and the pid that `code` prints."""
    environment = {**os.environ, "PORT": str(free_ports(1)[0]), **variables}
    command = [sys.executable, "-I", "-S", str(ROOT / "shared" / "entrypoint.py"), *options]
    command += ["--", sys.executable, "-c", code]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        try:
            yield process, pid
        finally:
            process.kill()
            # In a container it ends with the entry point.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_service_that_stands_still_is_killed_and_the_container_ends() -> None:
    with started(SERVICE, *QUICK) as (process, service):
        assert process.stdout is not None
        assert process.stdout.readline() == "answered\n"
        os.kill(service, signal.SIGSTOP)
        assert process.wait(60) == 128 + signal.SIGKILL
        assert process.stderr is not None
        assert "No answer from /health" in process.stderr.read()


@pytest.mark.slow
def test_a_service_that_reports_a_missing_dependency_is_not_killed() -> None:
    with started(SERVICE, *QUICK, STATUS="503") as (process, service):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        os.kill(service, 0)


@pytest.mark.slow
def test_a_service_is_asked_at_the_address_that_it_listens_on() -> None:
    with started(SERVICE, "--failing", "1", "--grace", "2", "--every", "0.1", HOST="127.0.0.2") as (process, service):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        os.kill(service, 0)


@pytest.mark.slow
def test_a_signal_reaches_the_service_and_its_exit_status_is_the_container_s() -> None:
    with started(SERVICE, *QUICK) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7
        assert process.stdout is not None
        assert process.stdout.read().endswith("asked to stop\n")


@pytest.mark.slow
def test_a_service_that_finishes_its_work_after_the_signal_is_not_killed_for_its_silence() -> None:
    code = SERVICE.replace("os._exit(7)", "import time; time.sleep(2); os._exit(8)")
    with started(code, *QUICK) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 8


@pytest.mark.slow
def test_a_service_has_its_grace_until_its_first_answer() -> None:
    never = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with started(never, "--failing", "0", "--grace", "1", "--every", "0.1") as (process, _):
        assert process.wait(60) == 128 + signal.SIGKILL


@pytest.mark.slow
def test_a_service_that_ends_by_itself_ends_the_container_with_its_status() -> None:
    with started("import os; print(os.getpid(), flush=True); os._exit(3)") as (process, _):
        assert process.wait(30) == 3


@pytest.mark.slow
def test_orphans_are_reaped() -> None:
    orphaning = "import os; os.fork() or os._exit(0); " + "print(os.getpid(), flush=True); import time; time.sleep(600)"
    code = f"import ctypes, os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {orphaning!r}]).wait();" + (
        "import time; time.sleep(600)"
    )
    # A subreaper adopts orphans, as the first process of a container does.
    subreaper = "import ctypes, runpy, sys; ctypes.CDLL(None).prctl(36, 1); sys.argv = sys.argv[1:];"
    subreaper += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [
        sys.executable,
        "-c",
        subreaper,
        str(ROOT / "shared" / "entrypoint.py"),
        "--",
        sys.executable,
        "-c",
        code,
    ]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        os.kill(orphan, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{orphan}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_the_time_in_which_a_machine_was_suspended_does_not_count() -> None:
    failing = FailingTime(30, 180, 10)
    assert not failing.note(True, 0)
    assert not failing.note(False, 5)
    assert not failing.note(False, 5 + 3600)
    assert failing.seconds == 15
    assert not failing.note(True, 5 + 3605)
    assert failing.seconds == 0
    outcomes = [failing.note(False, 3610 + 5 * tick) for tick in range(1, 7)]
    assert outcomes == [False] * 5 + [True]


def test_each_service_of_the_images_starts_by_the_entry_point() -> None:
    entries = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "services." in line]
    entries = [line for line in entries if line.startswith("ENTRYPOINT")]
    assert len(entries) == 6
    assert all('"shared/entrypoint.py", "--", "python", "-m", "services.' in line for line in entries)


class Plain(socketserver.BaseRequestHandler):
    """A service without TLS."""

    def handle(self) -> None:
        status = b"200 OK" if self.request.recv(1024).startswith(b"GET /") else b"400 Bad Request"
        self.request.sendall(b"HTTP/1.0 " + status + b"\r\n\r\n")


def test_a_service_without_tls_is_asked_without_it_also_where_a_certificate_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a Kubernetes ConfigMap for all services; else each of them would be killed again and again."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PORT", str(server.server_address[1]))
        monkeypatch.setenv("TLS_CERTIFICATE_FILE", "/etc/ecp-tls/tls.crt")
        assert is_answered()
        assert probe.main([]) == 0
        server.shutdown()
    assert not is_answered()
    assert probe.main([]) == 1
