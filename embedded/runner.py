"""One run of the stack: from the lock on the data directory to the last process that is gone."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from embedded.child import until
from embedded.directory import DataDirectory, RunLock
from embedded.errors import AlreadyRunning, EmbeddedError
from embedded.first_deployment import deploy_or_describe
from embedded.gateway import Gateway
from embedded.records import end_leftovers
from embedded.report import ConsoleReport
from embedded.settings import EmbeddedSettings
from embedded.stack import Stack

# A run that is being stopped may wait 25 s for what is in flight, and longer only for what it then kills.
PREDECESSOR_SECONDS = 90.0
# Time for a run whose `make` was just killed to report that it is stopping.
SETTLE_SECONDS = 1.0
RETRY_SECONDS = 0.1
TERMINAL_SECONDS = 1.0


async def run(settings: EmbeddedSettings, report: ConsoleReport) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP. Raises EmbeddedError when it can't."""
    directory = DataDirectory.prepare(settings.data_dir)
    about = {"pid": os.getpid(), "gateway": settings.gateway_url}
    async with _locked(directory, report, about) as lock:
        stack = Stack(settings, directory, report)
        report.heading("ECP-AI Kubernetes Orchestrator")
        try:
            await _until_signalled(_serve(stack, settings, directory, report))
        finally:
            lock.describe(**about, stopping=True)
            with report.stage("stopped"):
                await stack.stop()


async def clean(settings: EmbeddedSettings, report: ConsoleReport) -> None:
    """End what an earlier run left and remove the data directory. Raises EmbeddedError while a run uses it."""
    if not settings.data_dir.exists():
        report.line(f"{settings.data_dir} does not exist: nothing to clean")
        return
    directory = DataDirectory.prepare(settings.data_dir)
    async with _locked(directory, report, {"pid": os.getpid()}):
        await end_leftovers(directory.run)
        directory.remove()
    report.line(f"{settings.data_dir} is removed")


async def _serve(stack: Stack, settings: EmbeddedSettings, directory: DataDirectory, report: ConsoleReport) -> None:
    await stack.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stack.keep())
            tasks.create_task(stack.keep_nats_writing())
            tasks.create_task(stack.end_what_hangs())
            await _greet(settings, directory, report)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _greet(settings: EmbeddedSettings, directory: DataDirectory, report: ConsoleReport) -> None:
    gateway, login = Gateway(settings.gateway_url), "unknown"
    try:
        sign_in = await gateway.get("/auth") or {}
        login = login_line(sign_in)
        if sign_in.get("authentication"):
            report.line("Authentication is on, so the first deployment is left to you.")
        else:
            await deploy_or_describe(gateway, directory, report)
    except EmbeddedError as error:
        # The stack is up all the same, and what went wrong can be looked into.
        report.line(str(error))
    _print_locations(settings, directory, report, login)


def login_line(sign_in: Mapping[str, Any]) -> str:
    """Who may use the API, from its own answer."""
    if not sign_in.get("authentication"):
        return "none is needed, because only this machine can connect"
    issuer = sign_in.get("issuer")
    return "API keys" if issuer is None else f"tokens of {issuer}, and API keys"


def _print_locations(settings: EmbeddedSettings, directory: DataDirectory, report: ConsoleReport, login: str) -> None:
    data, logs = _short(directory.root), _short(directory.logs)
    report.heading("Where")
    report.line(f"  API          {settings.gateway_url}/api/v1")
    report.line(f"  its docs     {settings.gateway_url}/docs")
    report.line(f"  login        {login}")
    report.line(f"  simulator    kubectl --server {settings.simulator_url}/clusters/demo get pods -A")
    report.line(f"  data, logs   {data}, {logs}")
    report.heading(f"Ready after {report.elapsed:.1f} s. Ctrl-C stops it.")


def _short(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until it ends, or until a signal asks to stop: then it is cancelled and this returns."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    signalled = asyncio.Event()

    def stop() -> None:
        # Once is enough: a second Ctrl-C must not cut the orderly end short.
        if not signalled.is_set():
            signalled.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored, and means it
        loop.add_signal_handler(signal.SIGHUP, stop)
        hangup = loop.create_task(_terminal_closed())
        hangup.add_done_callback(lambda closed: None if closed.cancelled() else stop())
        task.add_done_callback(lambda _: hangup.cancel())
    try:
        await task
    except asyncio.CancelledError:
        if not signalled.is_set():
            raise


async def _terminal_closed() -> None:
    """Return when a terminal that this process was started from has gone.

    The kernel tells only the session's leader. Where that is `make` (as in `ssh -t host make run`), it waits for its
    child without passing the signal on.
    """
    terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]
    await until(lambda: not all(os.isatty(descriptor) for descriptor in terminals), None, every=TERMINAL_SECONDS)


@asynccontextmanager
async def _locked(directory: DataDirectory, report: ConsoleReport, about: dict[str, Any]) -> AsyncIterator[RunLock]:
    """Hold the lock; a run that is stopping is waited for. Raises AlreadyRunning for one that goes on."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_SECONDS
    waiting = False
    with contextlib.closing(RunLock(directory)) as lock, contextlib.ExitStack() as holding:
        while True:
            try:
                holding.enter_context(lock.held(**about))
                break
            except AlreadyRunning as other:
                if other.stopping and not waiting:
                    report.line("An earlier run is stopping; waiting for it")
                    waiting, deadline = True, loop.time() + PREDECESSOR_SECONDS
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(RETRY_SECONDS)
        yield lock
