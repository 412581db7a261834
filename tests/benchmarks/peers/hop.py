"""`python -m tests.benchmarks.peers.hop URL SOURCE TARGET`: a hop with raw nats-py.

It only consumes, publishes and acknowledges: the cost of a pipeline without work and without guarantees.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import nats
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingYet
from nats.js import JetStreamContext

STREAM = "RAW"
AT_ONCE = 4


async def messages(jetstream: JetStreamContext, source: str) -> AsyncIterator[Msg]:
    """Messages of `source`, one by one; all readers share the durable."""
    subscription = await jetstream.pull_subscribe(source, durable=source.replace(".", "-"), stream=STREAM)
    while True:
        try:
            [message] = await subscription.fetch(1, timeout=1)
        except NothingYet:
            continue
        yield message


async def pass_on(jetstream: JetStreamContext, message: Msg, target: str, body: bytes) -> None:
    """Publish with an id derived from the input's id, as our workers do."""
    headers = {"Nats-Msg-Id": target + (message.headers or {})["Nats-Msg-Id"]}
    await jetstream.publish(target, body, headers=headers, stream=STREAM)


async def hop(jetstream: JetStreamContext, source: str, target: str) -> None:
    async for message in messages(jetstream, source):
        await pass_on(jetstream, message, target, message.data)
        await message.ack()


async def main(url: str, source: str, target: str) -> None:
    client = await nats.connect(url)
    await asyncio.gather(*(hop(client.jetstream(), source, target) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
