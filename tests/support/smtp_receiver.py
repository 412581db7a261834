"""A receiver of e-mails: the few commands of SMTP that a client needs, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple


class Mail(NamedTuple):
    """An e-mail, and to which recipients it was handed over."""

    recipients: tuple[str, ...]
    message: EmailMessage


class SmtpReceiver:
    """What was received. `refused` are recipients that don't exist; `greeting` may be a failure.

    Each recipient costs `seconds`, as with servers that slow down clients that they don't know.
    """

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refused: set[str] = set()
        self.greeting = b"220 ready"
        self.seconds = 0.0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipients: list[str] = []
        writer.write(self.greeting + b"\r\n")
        while line := await reader.readline():
            command = line.strip().upper()
            if command.startswith(b"RCPT"):
                await asyncio.sleep(self.seconds)
                address = line.decode().split("<")[1].split(">")[0]
                known = address not in self.refused
                recipients += [address] if known else []
                writer.write(b"250 ok\r\n" if known else b"550 no such user\r\n")
            elif command == b"DATA":
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                text = body[:-3].replace(b"\r\n..", b"\r\n.")
                message = message_from_bytes(text, policy=SMTP)
                self.mails.append(Mail(tuple(recipients), message))
                writer.write(b"250 queued\r\n")
            elif command == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")


@asynccontextmanager
async def smtp_receiver() -> AsyncIterator[SmtpReceiver]:
    """A receiver on a free port of 127.0.0.1."""
    receiver = SmtpReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
