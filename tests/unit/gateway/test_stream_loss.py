"""When a stream has lost messages, and how a request is published again."""

from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.deployments.requests import stored_request
from services.gateway.recovery.repository import StreamPosition
from services.gateway.recovery.republish import repeated
from services.gateway.recovery.stream_loss import loss
from shared.bus import encode
from shared.examples import EXAMPLES
from shared.subjects import Mode, Subject

MADE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (StreamPosition(MADE, 9), None),
        (StreamPosition(MADE, 10), None),
        (StreamPosition(MADE, 6), "lost its end: its last message is 6 and was 9"),
        (StreamPosition(MADE + timedelta(days=1), 20), "was created again, after message 9"),
    ],
)
def test_a_stream_that_shrank_or_was_made_again_has_lost_messages(now: StreamPosition, words: str | None) -> None:
    assert loss(StreamPosition(MADE, 9), now) == words


def test_a_stream_that_was_never_seen_before_has_lost_nothing() -> None:
    assert loss(None, StreamPosition(MADE, 9)) is None


def test_a_request_is_published_again_with_the_same_body_and_time_and_an_id_of_its_own_each_time() -> None:
    event = encode(
        EXAMPLES[Subject.DEPLOY_REQUESTED], mode=Mode.DEMO, event_id="e", correlation_id="req-1", source="gateway"
    )
    request = stored_request(event)
    once, twice = repeated(request, 1), repeated(request, 2)
    assert (once.subject, once.body) == (event.subject, event.body)
    assert repeated(request, 1) == once
    ids = {each.headers["ce-id"] for each in (event, once, twice)}
    assert len(ids) == 3
    assert once.headers["Nats-Msg-Id"] == once.headers["ce-id"]
    assert once.headers["ce-time"] == event.headers["ce-time"]
