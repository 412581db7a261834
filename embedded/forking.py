"""supervisord that has imported the services: it starts each as a fork of itself.

    python -m embedded.forking <directory> <module ...> -- <arguments of supervisord>

A service that is started by `exec` imports 1,000 to 1,800 modules, which is most of its start and of its memory. Here
they are imported once, before supervisord's own loop begins: a service starts in milliseconds, also after it was
killed, and what stays unchanged is in memory once. To supervisord nothing is different: the service is its child, with
the pid that it knows, the same record, the same pipes and the same signals. What isn't an imported service (NATS,
PostgreSQL), and everything outside Linux, is started by `exec` as before.

The price: a service shows supervisord's environment in /proc/<pid>/environ, its command line has to be overwritten
for `ps`, and all services have the same layout of memory. See ADR 0026.
"""

import atexit
import ctypes
import gc
import importlib
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from supervisor import supervisord
from supervisor.options import ServerOptions

from embedded import launch
from embedded.service_command import service_module


def import_services(modules: Sequence[str]) -> frozenset[str]:
    """Import what these services import; returns those that may be forks: a fork has none of its parent's threads.

    One that can't be imported is started by `exec`, and tells why in its own log.
    """
    if not modules:
        return frozenset()
    # As `python -m services.<name>` has it while it looks for its module: see services/__init__.py.
    arguments, sys.argv = sys.argv, ["-m"]
    done = {module for module in modules if _is_imported(module)}
    sys.argv = arguments
    gc.collect()
    # A collection in a child would write into each object, and so copy its page.
    gc.freeze()
    gc.enable()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        print("A module has started a thread when it was imported: the services are started by exec.", file=sys.stderr)
        return frozenset()
    return frozenset(done)


def _is_imported(module: str) -> bool:
    try:
        importlib.import_module(f"{module}.__main__")
    except (Exception, SystemExit):
        traceback.print_exc()
        return False
    # It is executed once more, as `__main__`.
    del sys.modules[f"{module}.__main__"]
    return True


class ForkingOptions(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    """supervisord's options, which also make its system calls."""

    imported: frozenset[str] = frozenset()

    def fork(self) -> int:
        """Fork, with nothing left in a buffer that both would write."""
        sys.stdout.flush()
        sys.stderr.flush()
        return os.fork()

    def execve(self, filename: str, argv: list[str], env: Mapping[str, str]) -> None:
        """Become the program, called in the child. Raises OSError."""
        module = service_module(argv)
        if module in self.imported:
            become(module, argv, env)
        os.execve(filename, argv, env)  # noqa: S606 - to become the program is the purpose


def become(module: str, command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Do in this fork what `command` would: the last steps of `launch`, then `python -m <module>`. Doesn't return."""
    status = 1
    try:
        _reset_signals()
        os.environ.clear()
        os.environ.update(environment)
        options = launch.parse(command[command.index("--stop-signal") :])
        launch.prepare(options, os.getppid())
        _rename(options.program)
        sys.argv = [module]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = _status(ended.code)
    except BaseException:
        traceback.print_exc()
    finally:
        # supervisord's frames are below this one: nothing of it may run again.
        _end(status)


def _end(status: int) -> NoReturn:
    atexit._run_exitfuncs()  # what a service registered; os._exit leaves it out
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _status(code: object) -> int:
    """As Python's own exit has it: a text is printed, and is a failure."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _reset_signals() -> None:
    """Give back the signals that supervisord handles, as `exec` would."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _rename(program: Sequence[str]) -> None:
    """Let `ps` show the service: overwrite the arguments that this process was started with, where the kernel looks."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    begin, end = int(fields[45]), int(fields[46])
    text = b"\0".join(os.fsencode(part) for part in program)[: end - begin - 1]
    ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)


def main() -> None:
    """Run supervisord until it is stopped."""
    border = sys.argv.index("--")
    directory, *modules = sys.argv[1:border]
    ForkingOptions.imported = import_services(modules)
    os.chdir(directory)
    options = ForkingOptions()
    options.realize(sys.argv[border + 1 :])
    options.first, options.test = True, False
    supervisord.go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main()
