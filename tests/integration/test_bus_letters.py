"""Limits for other systems: the size of their messages, and the size and number of their dead letters."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js import JetStreamContext
from nats.js.errors import APIError

from embedded.child import until
from shared.access import BOOTSTRAP, OPERATOR, OUTSIDE
from shared.bus import Delivery
from shared.bus.bootstrap import LETTERS_OF_A_SUBJECT, LONGEST_OF_OTHERS, stream_config
from shared.bus.dead_letters import LONGEST_OF_OTHERS as LONGEST_LETTER
from shared.bus.dead_letters import DeadLetters
from shared.errors import PermanentError
from shared.events import OutsideRequest
from shared.subjects import GATEWAY_INGESTS_OUTSIDE, STREAM_SUBJECTS, Mode, Stream
from shared.systems import MOST
from tests.support.guarded_bus import GuardedBus, embedded_bus


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[GuardedBus]:
    async with embedded_bus(tmp_path) as guarded:
        yield guarded


async def test_a_message_of_another_system_that_is_too_large_is_refused_at_once(bus: GuardedBus) -> None:
    client = await bus.client(OUTSIDE)
    jetstream = client.jetstream()
    with pytest.raises(APIError, match="message size exceeds maximum allowed"):
        await jetstream.publish("demo.tenant.created", b"x" * 1_900_000)
    await jetstream.publish("demo.tenant.created", b"x" * (LONGEST_OF_OTHERS - 1024))
    await client.close()


async def test_a_letter_of_another_system_s_event_keeps_the_first_part_of_it(bus: GuardedBus) -> None:
    async def refuse(request: OutsideRequest, delivery: Delivery) -> None:
        raise PermanentError("on purpose")

    gateway = bus.worker("gateway")
    gateway.on(GATEWAY_INGESTS_OUTSIDE, refuse, concurrency=1)
    await gateway.start()
    client, operator = await bus.client(OUTSIDE), await bus.client(OPERATOR)
    body = b'{"junk": "' + b"x" * 200_000 + b'"}'
    try:
        await client.jetstream().publish("demo.tenant.created", body, headers={"large": "y" * 20_000})
        letters = DeadLetters(operator.jetstream(), Mode.DEMO)

        async def is_there() -> bool:
            return bool([letter async for letter in letters.all()])

        await until(is_there, 60)
        [letter] = [letter async for letter in letters.all()]
    finally:
        await gateway.stop()
        await client.close()
        await operator.close()
    assert letter.headers["dlq-cut"] == f"the first part of {len(body)} bytes"
    assert body.startswith(letter.body)
    assert letter.body
    whole = len(letter.body) + sum(len(name) + len(value) for name, value in letter.headers.items())
    assert whole <= LONGEST_LETTER


async def test_letters_of_others_displace_none_of_ours(bus: GuardedBus) -> None:
    client = await bus.client(BOOTSTRAP)
    jetstream = client.jetstream()
    few = replace((await jetstream.stream_info("DEMO_DLQ")).config, max_msgs_per_subject=3)
    await jetstream.update_stream(few)
    await client.close()
    for account, subject, count in (("calculator", "deploy.requested", 2), ("gateway", "outside.tenant.created", 9)):
        worker = await bus.client(account)
        await _bury(worker.jetstream(), f"demo.dlq.{subject}", count)
        await worker.close()
    operator = await bus.client(OPERATOR)
    left = [letter.event_id async for letter in DeadLetters(operator.jetstream(), Mode.DEMO).all()]
    await operator.close()
    assert left == [
        *(f"demo.dlq.deploy.requested-{number}" for number in range(2)),
        *(f"demo.dlq.outside.tenant.created-{number}" for number in range(6, 9)),
    ]


async def _bury(jetstream: JetStreamContext, subject: str, count: int) -> None:
    for number in range(count):
        await jetstream.publish(subject, b"{}", headers={"dlq-event-id": f"{subject}-{number}"})


def test_all_letters_that_others_can_cause_leave_room_for_ours() -> None:
    config = stream_config(Mode.PRODUCTION, Stream.DLQ, 1)
    assert config.max_msgs_per_subject == LETTERS_OF_A_SUBJECT
    of_a_system = len(STREAM_SUBJECTS[Stream.OUTSIDE]) * LETTERS_OF_A_SUBJECT * LONGEST_LETTER
    assert (MOST + 1) * of_a_system < 0.95 * (config.max_bytes or 0)
