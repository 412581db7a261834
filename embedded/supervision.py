"""supervisord: its configuration, and how the runner talks to it. It starts again whatever dies."""

import os
import shlex
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from embedded.child import Child
from embedded.directory import DataDirectory, write_private
from embedded.errors import SupervisorSilent
from embedded.programs import INFRASTRUCTURE, SERVICES, Program
from embedded.readiness import local_client
from embedded.records import SUPERVISOR
from embedded.service_command import service_module

START_SECONDS = 180.0
"""Until supervisord answers: before, it imports the services, which takes a busy machine long."""
STOP_SECONDS = 75.0
ACTION_SECONDS = 60.0
"""For an answer to what starts or stops programs; a machine under load lets supervisord wait for seconds."""
QUERY_SECONDS = 5.0
LOG_BYTES = "10MB"
LOG_BACKUPS = 3
# supervisord waits one second longer after each failed start; past these it gives up, and the runner starts it again.
START_RETRIES = 5


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One program as supervisord sees it."""

    name: str
    group: str
    state: str  # supervisord's own: STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, STOPPED
    pid: int  # 0 when there is none
    spoken: str  # its own words, for example "pid 4711, uptime 0:00:12" or "Exited too quickly"


def _variable(program: Program) -> str:
    return f"ECP_COMMAND_{program.name.upper().replace('-', '_')}"


def environment(programs: Iterable[Program]) -> dict[str, str]:
    """The variables that `configuration` refers to."""
    return {_variable(program): shlex.join(program.command) for program in programs}


def configuration(programs: Iterable[Program], socket: str) -> str:
    """The configuration file of supervisord. Nothing starts by itself: the runner starts the groups in their order.

    supervisord has no escape for ` #`, ` ;` and `%`, which a path may contain. So its working directory is the data
    directory, its paths are relative, and commands come in variables.
    """
    programs = list(programs)
    sections = {
        "supervisord": {
            "nodaemon": "true",
            "identifier": "ecp",
            "logfile": f"logs/{SUPERVISOR}.log",
            "pidfile": f"run/{SUPERVISOR}.pid",
            "childlogdir": "logs",
        }
        # Without it supervisord warns that it is root, which is what was asked for.
        | ({"user": "root"} if os.geteuid() == 0 else {}),
        "unix_http_server": {"file": socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
    }
    for program in programs:
        sections[f"program:{program.name}"] = _program_section(program)
    for priority, group in enumerate((INFRASTRUCTURE, SERVICES), start=1):
        members = ",".join(program.name for program in programs if program.group == group)
        sections[f"group:{group}"] = {"programs": members, "priority": str(priority)}
    return "\n".join(_section(name, options) for name, options in sections.items())


def _program_section(program: Program) -> dict[str, str]:
    return {
        "command": f"%(ENV_{_variable(program)})s",
        # A password in a URL may have `%41`, which supervisord would take for an expression.
        "environment": ",".join(f'{name}="{value.replace("%", "%%")}"' for name, value in program.environment.items()),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": str(program.start_seconds),
        "startretries": str(START_RETRIES),
        "stopsignal": program.stop_signal,
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": f"logs/{program.name}.log",
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": str(LOG_BACKUPS),
    }


def _section(name: str, options: Mapping[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"{option} = {value}" for option, value in options.items()), ""])


class Supervisor:
    """A running supervisord, and calls to it over its socket."""

    def __init__(self, programs: Iterable[Program], directory: DataDirectory, variables: Mapping[str, str]) -> None:
        """`variables` is what every program finds in its environment."""
        self._programs = list(programs)
        self._directory = directory
        self._variables = variables
        self._child: Child | None = None

    @property
    def lives(self) -> bool:
        return self._child is not None and self._child.exit_status is None

    async def start(self) -> None:
        """Start supervisord, with nothing under it yet. Raises EmbeddedError with the end of its log."""
        config = self._directory.run / "supervisord.conf"
        socket = self._directory.supervisor_socket
        local = socket.relative_to(self._directory.root) if socket.is_relative_to(self._directory.root) else socket
        write_private(config, configuration(self._programs, str(local)))
        socket.unlink(missing_ok=True)
        self._child = Child(
            [sys.executable, "-m", "embedded.forking", self._directory.root, *self._modules(), "--", "-c", config],
            self._directory.log(f"{SUPERVISOR}-output"),
            record=self._directory.record(SUPERVISOR),
            environment={**self._variables, **environment(self._programs)},
            own_session=True,
        )
        await self._child.until_ready(self._answers, SUPERVISOR, START_SECONDS)

    def _modules(self) -> list[str]:
        """The services that supervisord imports, to start them as forks. Only Linux allows that after any import."""
        if sys.platform != "linux":
            return []
        return sorted({module for each in self._programs if (module := service_module(each.command))})

    def kill(self) -> None:
        """End supervisord itself with SIGKILL; on Linux, what it has started ends with it."""
        if self._child is not None:
            self._child.kill()

    async def stop(self) -> None:
        """Stop the services, then the infrastructure, then supervisord; kill what doesn't end in its time."""
        if self._child is not None:
            await self._child.stop(STOP_SECONDS)

    async def start_group(self, group: str) -> None:
        """Start what is in `group` and doesn't run."""
        await self._call("supervisor.startProcessGroup", group, False)

    async def start_program(self, program: Program) -> None:
        await self._call("supervisor.startProcess", f"{program.group}:{program.name}", False)

    async def revive(self, state: ProcessState) -> None:
        """Start again what supervisord has given up."""
        await self._call("supervisor.startProcess", f"{state.group}:{state.name}", False)

    async def restart(self, name: str, group: str) -> None:
        """Stop a program, and start it when it has ended."""
        await self._call("supervisor.stopProcess", f"{group}:{name}", True)
        await self._call("supervisor.startProcess", f"{group}:{name}", False)

    async def signal(self, name: str, group: str, signal: str) -> None:
        """Send a program a signal, by its name without SIG."""
        await self._call("supervisor.signalProcess", f"{group}:{name}", signal)

    async def states(self) -> list[ProcessState]:
        """Every program's state. Raises SupervisorSilent."""
        return [
            ProcessState(info["name"], info["group"], info["statename"], info["pid"], info["description"])
            for info in await self._call("supervisor.getAllProcessInfo", seconds=QUERY_SECONDS)
        ]

    async def states_if_answered(self) -> list[ProcessState]:
        """As `states`; nothing while it has no time to answer. Raises SupervisorSilent if it has ended."""
        try:
            return await self.states()
        except SupervisorSilent:
            if not self.lives:
                raise
            return []

    async def _answers(self) -> bool:
        try:
            return await self._call("supervisor.getState", seconds=QUERY_SECONDS) is not None
        except SupervisorSilent:
            return False

    async def _call(self, method: str, *arguments: Any, seconds: float = ACTION_SECONDS) -> Any:
        body = xmlrpc.client.dumps(arguments, method)
        try:
            async with local_client(
                "http://supervisor", uds=str(self._directory.supervisor_socket), timeout=seconds
            ) as client:
                answer = await client.post("/RPC2", content=body, headers={"Content-Type": "text/xml"})
            return xmlrpc.client.loads(answer.raise_for_status().text)[0][0]
        except xmlrpc.client.Fault as fault:
            raise SupervisorSilent(f"supervisord refuses {method}: {fault.faultString}") from fault
        except httpx.HTTPError as error:
            raise SupervisorSilent(f"supervisord does not answer {method}: {error or type(error).__name__}") from error
