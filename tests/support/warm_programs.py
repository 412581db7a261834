"""Programs of ours without the seconds of their imports: each is forked from a process that has imported them.

What is forked is a process as `python -m <module>` is: with arguments, an environment, outputs and an exit status of
its own. A test that is about the start itself, or about imports, starts the real one.
"""

import asyncio
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from tests.support.polling import FIRST, LONGEST

WIDTH: Final = "300"
"""Columns of the terminal that a program believes in; rich looks while it is imported."""
_PR_SET_PDEATHSIG = 1
_RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    status: int
    """The exit status; negative for a signal."""
    output: str
    errors: str


class WarmProcess:
    """A program that was started, with the names of `asyncio.subprocess.Process`."""

    def __init__(self, programs: "WarmPrograms", pid: int) -> None:
        self.pid = pid
        self._programs = programs
        self._status: int | None = None

    @property
    def returncode(self) -> int | None:
        """None while it runs, negative for a signal."""
        if self._status is None:
            found = self._programs.ask({"look": self.pid})
            self._status = None if found == _RUNS else int(found)
        return self._status

    def send_signal(self, number: int) -> None:
        # A process that has ended keeps its pid until `returncode` notices that.
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        interval = FIRST
        while (status := self.returncode) is None:
            await asyncio.sleep(interval)
            interval = min(interval * 1.2, LONGEST)
        return status


class WarmPrograms:
    """Starts programs from a process that imports each of them once. It ends with `close`, or with this process."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    async def start(
        self, module: str, *arguments: str, environment: Mapping[str, str], output: Path | None = None
    ) -> WarmProcess:
        """Start `python -m module arguments...` with just `environment`. Its outputs go to a file, or to ours."""
        path = None if output is None else str(output)
        return await self._start(module, *arguments, environment=dict(environment), output=path, errors=path)

    async def run(self, module: str, *arguments: str, **environment: str) -> Ended:
        """Run a program with `environment` in addition to this process's until it ends."""
        with TemporaryDirectory(prefix="ecp-program-") as folder:
            everything = {**os.environ, "COLUMNS": WIDTH, **environment}
            paths = {name: f"{folder}/{name}" for name in ("output", "errors")}
            process = await self._start(module, *arguments, environment=everything, **paths)
            try:
                async with asyncio.timeout(120):
                    status = await process.wait()
            finally:
                process.kill()
            return Ended(status, *map(_read, paths.values()))

    async def _start(self, module: str, *arguments: str, **request: Any) -> WarmProcess:
        wanted = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), **request}
        # In a thread, because the first start of a program imports it.
        return WarmProcess(self, int(await asyncio.to_thread(self.ask, wanted)))

    def ask(self, request: Mapping[str, Any]) -> str:
        """The answer of the process that forks."""
        with self._one_at_a_time:
            process = self._process = self._process or self._begin()
            sending, receiving = _pipes(process)
            sending.write(json.dumps(request) + "\n")
            sending.flush()
            answer = receiving.readline().strip()
        assert answer, "the process that forks the programs has ended"
        return answer

    def _begin(self) -> "subprocess.Popen[str]":
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={**variables, "COLUMNS": WIDTH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process, and with it what it has started."""
        if self._process is not None:
            with self._process:
                _pipes(self._process)[0].close()
            self._process = None


PROGRAMS: Final = WarmPrograms()
"""Those of this process."""


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _serve() -> dict[str, Any] | None:
    """Answer each request. Returns in a forked process, with what it is to be; None at the end of the requests."""
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        if (pid := request.get("look")) is not None:
            ended, status = os.waitpid(pid, os.WNOHANG)
            answer = str(os.waitstatus_to_exitcode(status)) if ended else _RUNS
        else:
            _import(request["module"])
            pid = os.fork()
            if pid == 0:
                return request
            answer = str(pid)
        print(answer, flush=True)  # noqa: T201 - that is the answer
    return None


def _import(module: str) -> None:
    # It is run under the name `__main__`, as if it hadn't been imported.
    importlib.import_module(f"{module}.__main__")
    del sys.modules[f"{module}.__main__"]
    gc.freeze()


def _become(request: Mapping[str, Any]) -> None:
    """Be the program that was asked for, from its first line on; killed with the process that forked it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _redirect(0, os.devnull)
    _redirect(1, request["output"]) if request["output"] else os.dup2(2, 1)
    if request["errors"] == request["output"]:
        os.dup2(1, 2)
    else:
        _redirect(2, request["errors"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _redirect(descriptor: int, path: str) -> None:
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__" and (asked := _serve()) is not None:
    _become(asked)
