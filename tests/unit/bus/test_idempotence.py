"""What names a delivery: a stream that lost its end gives the same numbers to other events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faststream.exceptions import AckMessage

from shared.bus import Delivery
from shared.bus.delivery_attempts import DeliveryAttempts
from shared.bus.middlewares.context import delivering
from shared.bus.middlewares.idempotence import Finished, Idempotence
from shared.subjects import Mode

DELIVERY = Delivery(
    mode=Mode.DEMO,
    subject="deploy.requested",
    event_id="event-1",
    correlation_id="req-1",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    stream="DEMO_ECP",
    sequence=7,
    attempt=1,
    durable="calculator-sizes-deployments",
)


async def handled(finished: Finished, delivery: Delivery) -> bool:
    """Whether the handler runs."""
    calls: list[Any] = []

    async def handler(message: Any) -> None:
        calls.append(message)

    with delivering(delivery):
        try:
            await Idempotence(None, context=None, finished=finished).consume_scope(handler, "message")
        except AckMessage:
            assert not calls
    return bool(calls)


async def test_a_redelivery_of_a_finished_event_is_acknowledged_without_its_handler() -> None:
    finished = Finished()
    assert await handled(finished, DELIVERY)
    assert not await handled(finished, replace(DELIVERY, attempt=2))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"event_id": "event-2"}, id="another event"),
        pytest.param({"time": DELIVERY.time + timedelta(microseconds=1)}, id="the same event, published again"),
    ],
)
async def test_an_event_with_the_number_of_a_lost_one_is_handled(other: dict[str, Any]) -> None:
    finished = Finished()
    assert await handled(finished, DELIVERY)
    assert await handled(finished, replace(DELIVERY, **other))


def test_delivery_attempts_of_a_lost_event_don_t_count_for_the_next_one_of_its_number() -> None:
    async def marks(mode: Mode) -> Any:
        raise NotImplementedError

    keys = {
        DeliveryAttempts(marks, each, 3)._key
        for each in (DELIVERY, replace(DELIVERY, time=DELIVERY.time + timedelta(seconds=1)))
    }
    assert len(keys) == 2
