"""Ports are looked at before anything starts, and each that can't be had is named with the variable that changes it."""

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from embedded.errors import EmbeddedError


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


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on at this moment."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


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
