"""The first process of a service's image: starts the service, hands signals on, and ends a service that hangs.

    python -I -S shared/entrypoint.py [--failing 30] [--grace 180] [--every 5] -- python -m services.gateway

A container engine starts again what has ended, and not what hangs. So this asks `/health` of the service on `PORT`, and
kills it after `failing` seconds without an answer; until its first answer it has `grace`. Then this ends too, and the
engine's restart policy acts. Any status is an answer: a service that misses NATS answers 503, and waits for it. It
imports next to nothing, since it stays in memory beside each service.
"""

import os
import signal
import socket
import sys
import time

FAILING_SECONDS = 30.0
GRACE_SECONDS = 180.0
EVERY_SECONDS = 5.0
PROBE_SECONDS = 4.0

_FORWARDED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class FailingTime:
    """How long a program's probes have failed in a row.

    A machine that was suspended, or a clock that jumped, makes a gap between two probes in which nothing was asked. So
    a gap counts as `longest_step` seconds at most.
    """

    def __init__(self, failing: float, grace: float, longest_step: float) -> None:
        self._limit = grace
        self._failing = failing
        self._longest_step = longest_step
        self._last: float | None = None
        self.seconds = 0.0

    def note(self, answered: bool, now: float) -> bool:
        """Record a probe's result at `now` (monotonic seconds). Returns whether the program hangs."""
        step = 0.0 if self._last is None else min(now - self._last, self._longest_step)
        self._last = now
        if answered:
            self.seconds, self._limit = 0.0, self._failing
        else:
            self.seconds += step
        return self.seconds >= self._limit


def main(arguments: list[str]) -> int:
    """Run the command after `--`; its exit status, or 128 and the number of the signal that ended it."""
    options, command = _parsed(arguments)
    signals = _FORWARDED | {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.posix_spawnp(command[0], command, os.environ, setsigmask=())
    failing_time = FailingTime(options["failing"], options["grace"], 2 * options["every"] + PROBE_SECONDS)
    is_ending, next_probe = False, time.monotonic() + options["every"]
    while True:
        received = signal.sigtimedwait(signals, max(0.0, next_probe - time.monotonic()))
        if received is not None and received.si_signo in _FORWARDED:
            # What has been asked to end finishes its work, and may not answer any more.
            is_ending = is_ending or received.si_signo in _ENDING
            os.kill(child, received.si_signo)
        if (status := _reaped(child)) is not None:
            return status
        if time.monotonic() >= next_probe:
            next_probe = time.monotonic() + options["every"]
            if not is_ending and failing_time.note(is_answered(), time.monotonic()):
                sys.stderr.write(f"No answer from /health for {failing_time.seconds:.0f} s: the service is killed.\n")
                os.kill(child, signal.SIGKILL)


def _parsed(arguments: list[str]) -> tuple[dict[str, float], list[str]]:
    split = arguments.index("--")
    options = {"failing": FAILING_SECONDS, "grace": GRACE_SECONDS, "every": EVERY_SECONDS}
    for name, value in zip(arguments[:split:2], arguments[1:split:2], strict=True):
        options[name.removeprefix("--")] = float(value)
    return options, arguments[split + 1 :]


def _reaped(child: int) -> int | None:
    """Reap every process that has ended, orphans too; `child`'s status if it was among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


def is_answered() -> bool:
    """Whether `/health` is answered at all, where the service listens: an address given by a variable, or loopback."""
    given = (os.environ.get("HOST", ""), os.environ.get("SIMULATOR_HOST", ""))
    addresses = dict.fromkeys(each for each in (*given, "127.0.0.1", "::1") if each.strip("0.:"))
    # A certificate may be set for all services, and only some of them serve by TLS.
    ways = (True, False) if os.environ.get("TLS_CERTIFICATE_FILE") else (False,)
    return any(_answers_at(address, by_tls=by_tls) for address in addresses for by_tls in ways)


def _answers_at(address: str, *, by_tls: bool) -> bool:
    """Not by http.client, whose import takes ten times the memory."""
    try:
        port = int(os.environ.get("PORT", "8000"))
        with _connected(address, port, by_tls=by_tls) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


def _connected(address: str, port: int, *, by_tls: bool) -> socket.socket:
    """A connection. Whose certificate it is isn't asked, only whether the service answers."""
    connection = socket.create_connection((address, port), PROBE_SECONDS)
    if not by_tls:
        return connection
    import ssl  # noqa: PLC0415 - 3 MB that a service without TLS does without

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connection:  # wrap_socket takes its descriptor over
        return context.wrap_socket(connection)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
