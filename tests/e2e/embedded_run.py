"""`make run` for tests: the embedded stack as a process, in a temporary directory, on free ports."""

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from embedded.child import until
from embedded.directory import DataDirectory
from embedded.launch import launcher
from embedded.records import ProcessRecord, read_records
from tests.support.http_client import local_client
from tests.support.readmes import environment
from tools.locks import ROOT

PORTS = {"postgres-demo": "DEMO_DATABASE_PORT", "postgres-simulator": "SIMULATOR_DATABASE_PORT"}
"""The variables of programs whose name isn't in them."""
START_SECONDS = 240.0
STOP_SECONDS = 90.0
RESTART_SECONDS = 150.0
"""For a killed process, and all that waits for it, on a machine that other tests keep busy."""


@dataclass
class EmbeddedRun:
    """Successive runs of the stack on one data directory."""

    data_dir: Path
    variables: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    outputs: list[Path] = field(default_factory=list)

    @property
    def directory(self) -> DataDirectory:
        return DataDirectory(self.data_dir)

    @property
    def output(self) -> str:
        """The output of the current run so far."""
        return self.outputs[-1].read_text(encoding="utf-8")

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.variables['GATEWAY_PORT']}"

    @property
    def simulator(self) -> str:
        return f"http://127.0.0.1:{self.variables['SIMULATOR_PORT']}"

    def launch(self, command: str | None = None) -> "subprocess.Popen[bytes]":
        """Start the runner as the Makefile does, or by a shell command, in its own process group."""
        self.outputs.append(self.data_dir.with_name(f"output-{len(self.outputs) + 1}"))
        with self.outputs[-1].open("wb") as output:
            return subprocess.Popen(
                ["bash", "-c", command] if command else launcher([sys.executable, "-m", "embedded", "run"]),
                cwd=ROOT,
                env=environment(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    async def start(self, command: str | None = None) -> None:
        """Start it and wait until it reports that it is ready; fails with its output."""
        process = self.process = self.launch(command)
        await until(lambda: process.poll() is not None or "Ready after" in self.output, START_SECONDS)
        assert process.poll() is None, self.output

    def runner(self) -> psutil.Process:
        """The runner itself, which is a child of make if a command started it."""
        assert self.process is not None
        started = psutil.Process(self.process.pid)
        family = [started, *started.children(recursive=True)]
        return next(each for each in family if each.cmdline()[-2:] == ["embedded", "run"])

    def record(self, program: str) -> ProcessRecord:
        """The process that currently runs `program`."""
        return next(record for record in read_records(self.directory.run) if record.program == program)

    def listens(self, program: str) -> bool:
        """Whether `program` accepts connections, which services do as soon as their imports are done."""
        variable = PORTS.get(program, f"{program.upper()}_PORT")
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(self.variables[variable])), timeout=1):
            return True
        return False

    def alive(self) -> list[ProcessRecord]:
        return [record for record in read_records(self.directory.run) if record.alive]

    async def ended(self) -> int:
        """Wait for the runner's end and return its exit status."""
        process = self.process
        assert process is not None
        await until(lambda: process.poll() is not None, STOP_SECONDS)
        return process.wait()

    def end(self) -> None:
        """Clean up after a test: stop the runner, or kill it; its processes end with it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    async def get(self, path: str) -> httpx.Response:
        async with local_client(timeout=10) as client:
            return await client.get(f"{self.gateway}{path}", headers={"X-Demo-Mode": "true"})
