"""Ports are looked at before anything starts, and each that can't be had is named with the variable that changes it."""

import errno
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from embedded.errors import EmbeddedError

NOT_GIVEN_OUT = range(10_000, 32_000)
"""Above 32,767 Linux gives ports to connections, and to servers that take any: it could do so before we listen."""
_candidates: list[int] = []
"""Those of `NOT_GIVEN_OUT` that this process takes from, in the order in which it does."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the stack listens on, and the variable that changes it."""

    number: int
    variable: str
    purpose: str


def check_ports(ports: Iterable[Port]) -> None:
    """Raises EmbeddedError that lists every port which is in use, forbidden or wanted twice."""
    faults = []
    claimed: dict[int, Port] = {}
    for port in ports:
        fault = _why_unavailable(port.number)
        if other := claimed.get(port.number):
            fault = f"wanted by {other.purpose} ({other.variable}) as well"
        claimed[port.number] = port
        if fault is not None:
            faults.append(f"  {port.number}  {port.purpose}: {fault}; choose another with {port.variable}=<port>")
    if faults:
        raise EmbeddedError("\n".join(["These ports can't be used:", *faults]))


def free_ports(count: int, among: range | None = None) -> list[int]:
    """`count` different ports without a listener at this moment. Raises EmbeddedError if there are fewer.

    They are of `among`, or of `NOT_GIVEN_OUT`: of those a process gets none twice until it has had all of them, because
    a server may listen a while later.
    """
    if not _candidates:
        share_ports(0, 1)
    candidates = _candidates if among is None else random.sample(among, len(among))
    found: list[int] = []
    for number in list(candidates):
        if len(found) == count:
            break
        candidates.remove(number)
        candidates.append(number)
        if _why_unavailable(number) is None:
            found.append(number)
    if len(found) < count:
        raise EmbeddedError(f"{count} free ports are needed, and there are {len(found)}")
    return found


def share_ports(index: int, processes: int) -> None:
    """Let `free_ports` of this process choose none that it chooses in the others, which run at the same time."""
    mine = NOT_GIVEN_OUT[index::processes]
    _candidates[:] = random.sample(mine, len(mine))


def _why_unavailable(number: int) -> str | None:
    with socket.socket() as listener:
        # What a stopped server leaves in TIME_WAIT is no obstacle to the servers either, which set the same option.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "in use"
            return (error.strerror or str(error)).lower()
    return None
