"""The programs of the stack: what each is called, how it is started and stopped, and how one sees that it is ready."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded import postgres
from embedded.databases import EmbeddedDatabases
from embedded.directory import DataDirectory
from embedded.launch import launcher
from embedded.nats import nats_server
from embedded.settings import WORKERS, EmbeddedSettings

# Groups are started in this order and stopped in the opposite one, each as a whole.
INFRASTRUCTURE = "infrastructure"
SERVICES = "services"

# Steps that run to their end before the services start.
MIGRATION = [sys.executable, "-m", "shared.database", "upgrade"]
BOOTSTRAP = [sys.executable, "-m", "shared.bus", "bootstrap"]

SERVICE_STOP_SECONDS = 30  # a worker may finish what is in flight for 25 s
INFRASTRUCTURE_STOP_SECONDS = 15
# Ending earlier counts as a failed start, which is tried again after a pause. Imports alone take seconds.
START_SECONDS = 10
_READ_ROLES = ("gateway", "monitor")
"""Services that execute what other systems publish."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program under supervision. `ready_url` answers 200 when it is ready, `live_url` while it doesn't hang."""

    name: str
    group: str
    command: list[str]
    stop_signal: str = "TERM"
    stop_seconds: int = SERVICE_STOP_SECONDS
    start_seconds: int = START_SECONDS
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str | None = None
    live_url: str | None = None


def infrastructure(databases: EmbeddedDatabases, directory: DataDirectory, account: str) -> list[Program]:
    """NATS and the PostgreSQL servers; `account` is whose PostgreSQL runs under."""
    command = launcher([nats_server(), "-c", directory.run / "nats.conf"], record=directory.record("nats"))
    programs = [Program("nats", INFRASTRUCTURE, command, stop_seconds=INFRASTRUCTURE_STOP_SECONDS)]
    for database in databases.servers:
        command = launcher(
            postgres.server_command(database.data(directory), database.port),
            record=directory.record(database.name),
            stop_signal=postgres.STOP_SIGNAL,
            account=account,
        )
        stop_signal = postgres.STOP_SIGNAL.name.removeprefix("SIG")
        programs.append(Program(database.name, INFRASTRUCTURE, command, stop_signal, INFRASTRUCTURE_STOP_SECONDS))
    return programs


def services(
    settings: EmbeddedSettings, directory: DataDirectory, passwords: Mapping[str, str], databases: EmbeddedDatabases
) -> list[Program]:
    """The six services, the workers in the numbers of `settings.scale`; `passwords` are those on the bus."""

    def service(name: str, module: str, port: int) -> Program:
        environment = {"PORT": str(port), **databases.urls_of(module)}
        if module in _READ_ROLES:
            environment["OUTSIDE_ROLES_PATH"] = os.environ.get("OUTSIDE_ROLES_PATH") or str(directory.bus_roles)
        if module in passwords:
            environment["NATS_URL"] = settings.nats_url(module, passwords[module])
        return Program(
            name,
            SERVICES,
            # supervisord has the data directory as its own; relative paths of the environment mean the caller's.
            launcher([sys.executable, "-m", f"services.{module}"], record=directory.record(name), directory=Path.cwd()),
            environment=environment,
            ready_url=f"http://127.0.0.1:{port}/ready",
            live_url=f"http://127.0.0.1:{port}/health",
        )

    programs = [
        service("simulator", "simulator", settings.simulator_port),
        service("gateway", "gateway", settings.gateway_port),
    ]
    for worker in WORKERS:
        ports = settings.worker_ports(worker)
        for copy, port in enumerate(ports, start=1):
            programs.append(service(worker if len(ports) == 1 else f"{worker}-{copy}", worker, port))
    return programs
