"""Resolves receivers' names in threads of their own.

A name whose DNS server doesn't answer holds a thread for longer than an attempt lasts. In the process's few common
threads some such names would keep the connections of everything else from being made, those to NATS and PostgreSQL too.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 64
"""Twice as many as there are calls at a time, since a thread may outlast its call."""
_NUMBERS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class ReceiverNames(AbstractResolver):
    """The system's DNS."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="receiver-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises OSError."""
        ask = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=_NUMBERS)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """End the threads that wait for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
