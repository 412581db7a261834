"""A separate network in which a test can make servers unreachable: no response and no reset, like an unplugged cable.

The test's thread moves into a new network namespace, and the processes that it starts there inherit it. A routing rule
drops every TCP segment to or from a server's port, also of open connections. Needs root and iproute2; otherwise the
test is skipped.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_CLONE_NEWNET = 0x40000000
_RULES = ("dport", "sport")


@contextmanager
def own_network() -> Iterator[None]:
    """A namespace with only a loopback interface, until the end of the block."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("partitions take root and iproute2 (`ip`)")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
        try:
            _ip("link", "set", "lo", "up")
            # Local addresses come before all rules otherwise.
            _ip("rule", "add", "pref", "100", "lookup", "local")
            _ip("rule", "del", "pref", "0")
            yield
        finally:
            libc.setns(before, 0)
    finally:
        os.close(before)


@contextmanager
def cut_off(port: int) -> Iterator[None]:
    """Drop all traffic to and from the server on `port`. Call this inside `own_network`."""
    try:
        for place, direction in enumerate(_RULES):
            _ip("rule", "add", "pref", str(10 + place), "ipproto", "tcp", direction, str(port), "blackhole")
        yield
    finally:
        for direction in _RULES:
            subprocess.run(
                ["ip", "rule", "del", "ipproto", "tcp", direction, str(port), "blackhole"],
                check=False,
                capture_output=True,
            )


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
