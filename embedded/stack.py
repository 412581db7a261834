"""The stack as a whole: brought up in stages, kept up, and stopped so that nothing is left."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from embedded import accounts, bus_roles, nats, postgres, postgres_cluster, programs
from embedded.account import account_for, hand_over
from embedded.child import Child, tail, until
from embedded.databases import EmbeddedDatabase, EmbeddedDatabases
from embedded.directory import DataDirectory, write_private
from embedded.errors import EmbeddedError, SupervisorSilent
from embedded.ports import check_ports
from embedded.programs import INFRASTRUCTURE, SERVICES
from embedded.readiness import answers
from embedded.records import SUPERVISOR, end_leftovers, read_records
from embedded.report import ConsoleReport
from embedded.settings import EmbeddedSettings
from embedded.supervision import ProcessState, Supervisor
from embedded.watchdog import PROBE_SECONDS, Watchdog
from shared.access import BOOTSTRAP, OUTSIDE

INFRASTRUCTURE_SECONDS = 60.0
STEP_SECONDS = 120.0
SERVICES_SECONDS = 180.0
POLL_SECONDS = 0.2
WATCH_SECONDS = 1.0
NATS_SECONDS = 3.0
ROOM_BYTES = 16 * 1024 * 1024
"""Free bytes that NATS needs to restart; with less it would fail in the same way at once."""

Check = Callable[[], Awaitable[bool]]


class Stack:
    """NATS, three PostgreSQL servers and the six services, under one supervisord."""

    def __init__(self, settings: EmbeddedSettings, directory: DataDirectory, report: ConsoleReport) -> None:
        self._settings = settings
        self._directory = directory
        self._report = report
        self._databases = EmbeddedDatabases(settings, directory.database_passwords)
        self._passwords = accounts.passwords(directory.bus_passwords)
        bus_roles.prepare(directory.bus_roles)
        self._services = programs.services(settings, directory, self._passwords, self._databases)
        # UTF-8 whatever the locale: names of tenants are Korean, and a minimal container has the locale C.
        # Without PYTHONDONTWRITEBYTECODE of the caller: the services would compile all that they import at each start,
        # which takes more than twice the time.
        left_out = {*self._databases.owner_urls(), "PYTHONDONTWRITEBYTECODE"}
        others = {name: value for name, value in os.environ.items() if name not in left_out}
        self._environment = {**others, "PYTHONUTF8": "1", **settings.service_environment()}
        self._supervisor: Supervisor | None = None

    async def start(self) -> None:
        """Bring everything up; returns when every service is ready. Raises EmbeddedError."""
        await self._clean_up()
        unused = {database.port for database in self._databases.all} - {each.port for each in self._databases.servers}
        check_ports(port for port in self._settings.ports() if port.number not in unused)
        for remark in self._databases.remarks():
            self._report.line(f"  {remark}")
        account = account_for(postgres_cluster.binary("postgres"))
        if any(not database.data(self._directory).exists() for database in self._databases.servers):
            with self._report.stage("databases made"):
                await self._make_clusters(account)
        self._prepare_infrastructure(account)
        if any(not self._has_roles(database) for database in self._databases.servers):
            with self._report.stage("roles of the databases"):
                await self._set_up_roles(account)
        self._describe()
        with self._report.stage("NATS and PostgreSQL"):
            await self._start_infrastructure(account)
        with self._report.stage("tables and streams"):
            await asyncio.gather(
                self._step("migration", programs.MIGRATION, **self._databases.owner_urls()),
                self._step(
                    "bootstrap",
                    programs.BOOTSTRAP,
                    NATS_URL=self._settings.nats_url(BOOTSTRAP, self._passwords[BOOTSTRAP]),
                    NATS_OUTSIDE_SYSTEMS=" ".join(accounts.systems(self._passwords)),
                ),
            )
        with self._report.stage(f"{len(self._services)} services"):
            await self._running().start_group(SERVICES)
            await self._until_ready(
                {service.name: partial(answers, service.ready_url) for service in self._services if service.ready_url},
                SERVICES_SECONDS,
            )

    async def keep(self) -> None:
        """Supervise the stack until cancelled, and print what was restarted."""
        pids: dict[str, int] = {}
        while True:
            if not self._running().lives:
                await self._revive_supervisor()
                pids = {}
            # A supervisord that has just been killed, or that has no time now, is looked at again.
            with contextlib.suppress(SupervisorSilent):
                await self._look_after(await self._running().states(), pids)
            await asyncio.sleep(WATCH_SECONDS)

    async def _look_after(self, states: Iterable[ProcessState], pids: dict[str, int]) -> None:
        """Restart what supervisord has given up, print what has another pid than in `pids`, and update `pids`."""
        for state in states:
            if state.state == "FATAL":
                await self._running().revive(state)
            if state.pid and pids.get(state.name, state.pid) != state.pid:
                self._report.line(f"  {state.name} had ended and was started again, see {self._log(state)}")
            if state.pid:
                pids[state.name] = state.pid

    async def end_what_hangs(self) -> None:
        """Kill what runs and doesn't answer, so that supervisord starts it again; supervisord too. Until cancelled."""
        watchdog = Watchdog(self._liveness_checks())
        silence = watchdog.failing_time()
        while True:
            try:
                states = await self._running().states()
            except SupervisorSilent:
                states = []
            if silence.note(bool(states), time.monotonic()):
                self._report.line(f"  {SUPERVISOR} has not answered for {silence.seconds:.0f} s; it is killed")
                self._running().kill()
                silence = watchdog.failing_time()
            for state in await watchdog.hanging(states):
                self._report.line(f"  {state.name} has not answered for {watchdog.failing:.0f} s; it is killed")
                self._kill(state)
            await asyncio.sleep(watchdog.every)

    def _liveness_checks(self) -> dict[str, Check]:
        checks: dict[str, Check] = {
            service.name: partial(answers, service.live_url, with_any_status=True, timeout=PROBE_SECONDS)
            for service in self._services
            if service.live_url
        }
        checks["nats"] = partial(answers, self._settings.nats_monitor_url, with_any_status=True, timeout=PROBE_SECONDS)
        return checks | {each.name: partial(postgres.lives, each.port) for each in self._databases.servers}

    def _kill(self, state: ProcessState) -> None:
        for record in read_records(self._directory.run):
            if (record.program, record.pid) == (state.name, state.pid):
                record.send(signal.SIGKILL)

    async def keep_nats_writing(self) -> None:
        """Restart NATS once a full disk has room again, and print what it waits for, until cancelled."""
        reported = False
        while True:
            error = await nats.write_error(self._settings.nats_monitor_url)
            if error and shutil.disk_usage(self._directory.jetstream).free >= ROOM_BYTES:
                self._report.line("  NATS could not write, now there is room; it is started again")
                with contextlib.suppress(SupervisorSilent):
                    await self._running().restart("nats", INFRASTRUCTURE)
            elif error and not reported:
                self._report.line(f"  NATS can't write ({error}); what is accepted waits until there is room")
            reported = error is not None
            await asyncio.sleep(NATS_SECONDS)

    async def stop(self) -> None:
        """Stop everything that this run has started. Raises EmbeddedError when something can't be ended."""
        if self._supervisor is not None:
            await self._supervisor.stop()
        await end_leftovers(self._directory.run)

    async def _clean_up(self) -> None:
        left = await end_leftovers(self._directory.run)
        if left:
            self._report.line(f"  ended what an earlier run had left: {', '.join(left)}")
        for record in self._directory.run.glob("*.process"):
            record.unlink()

    async def _make_clusters(self, account: str) -> None:
        missing = [database for database in self._databases.servers if not database.data(self._directory).exists()]
        await asyncio.gather(
            *(
                postgres_cluster.make_cluster(
                    database.data(self._directory), database.bootstrap_login, account, roles=database.roles
                )
                for database in missing
            )
        )

    def _has_roles(self, database: EmbeddedDatabase) -> bool:
        return postgres_cluster.has_roles(database.data(self._directory), database.roles)

    async def _set_up_roles(self, account: str) -> None:
        """For a data directory of an earlier version, and where a password has changed."""
        await asyncio.gather(
            *(
                postgres_cluster.set_up_roles(database.data(self._directory), database.roles, account)
                for database in self._databases.servers
                if not self._has_roles(database)
            )
        )

    def _describe(self) -> None:
        """Keep for `ecp env` where this run is reached."""
        urls = {
            "GATEWAY_URL": self._settings.gateway_url,
            "K8S_SIMULATOR_URL": self._settings.simulator_url,
            "NATS_URL": self._settings.nats_url(OUTSIDE, self._passwords[OUTSIDE]),
            **self._databases.owner_urls(),
        }
        write_private(self._directory.addresses, json.dumps(urls))

    def _prepare_infrastructure(self, account: str) -> None:
        for database in self._databases.servers:
            hand_over(database.data(self._directory), account)
            postgres.forget_stale_pid(database.data(self._directory))
        nats.adopt_streams(self._directory.jetstream)
        config = nats.configuration(
            port=self._settings.nats_port,
            monitor_port=self._settings.nats_monitor_port,
            store=self._directory.jetstream,
            authorization=accounts.authorization(self._passwords),
        )
        write_private(self._directory.run / "nats.conf", config)

    async def _start_infrastructure(self, account: str) -> None:
        servers = programs.infrastructure(self._databases, self._directory, account)
        self._supervisor = Supervisor([*servers, *self._services], self._directory, self._environment)
        await self._supervisor.start()
        await self._supervisor.start_group(INFRASTRUCTURE)
        await self._until_ready(self._infrastructure_checks(), INFRASTRUCTURE_SECONDS)

    def _infrastructure_checks(self) -> dict[str, Check]:
        checks: dict[str, Check] = {"nats": partial(nats.is_ready, self._settings.nats_monitor_url)}
        for database in self._databases.servers:
            checks[database.name] = partial(postgres.is_ready, database.login, database.port)
        return checks

    async def _step(self, name: str, command: list[str], **variables: str) -> None:
        """Run a step to its end. Raises EmbeddedError with the end of its log."""
        log = self._directory.log(name)
        log.unlink(missing_ok=True)
        step = Child(
            command,
            log,
            record=self._directory.record(name),
            environment={**self._environment, **variables},
            own_session=True,
        )
        try:
            await until(lambda: step.exit_status is not None, STEP_SECONDS)
        except TimeoutError:
            raise EmbeddedError(f"The {name} has not ended after {STEP_SECONDS:.0f} s:\n{tail(log)}") from None
        finally:
            await step.stop()
        if step.exit_status != 0:
            raise EmbeddedError(f"The {name} failed ({log}):\n{tail(log)}")

    async def _until_ready(self, checks: Mapping[str, Check], seconds: float) -> None:
        """Wait for every check. Raises EmbeddedError, with the end of its log, for a program that keeps failing."""
        waiting = dict(checks)

        async def all_ready() -> bool:
            outcomes = await asyncio.gather(*(check() for check in waiting.values()))
            for name, ready in zip(list(waiting), outcomes, strict=True):
                if ready:
                    del waiting[name]
            for state in await self._running().states_if_answered():
                if state.state == "FATAL":
                    raise EmbeddedError(f"{state.name} keeps failing ({self._log(state)}):\n{tail(self._log(state))}")
            return not waiting

        try:
            await until(all_ready, seconds, every=POLL_SECONDS)
        except TimeoutError:
            logs = "\n".join(f"{name}:\n{tail(self._directory.log(name))}" for name in waiting)
            raise EmbeddedError(f"Not ready after {seconds:.0f} s: {', '.join(waiting)}\n{logs}") from None

    async def _revive_supervisor(self) -> None:
        """Start everything again, since supervisord ended, and what it had started ends with it sooner or later."""
        self._report.line("  supervisord had ended; everything is started again")
        await end_leftovers(self._directory.run)
        await self._running().start()
        await self._running().start_group(INFRASTRUCTURE)
        await self._until_ready(self._infrastructure_checks(), INFRASTRUCTURE_SECONDS)
        await self._running().start_group(SERVICES)

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise EmbeddedError("The stack has not been started")
        return self._supervisor

    def _log(self, state: ProcessState) -> Path:
        return self._directory.log(state.name)
