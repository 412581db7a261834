"""What sockets show, without a socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.deployments.projection import Update
from services.gateway.websockets.connection import MessageAllowance
from services.gateway.websockets.deployment import DeploymentFeedState, merged
from services.gateway.websockets.monitoring import MonitoringFeedState
from services.gateway.websockets.shared_text import SharedText, encode
from services.gateway.websockets.snapshots import SnapshotReader
from services.gateway.websockets.stream_feed import FeedMessage, FeedSubscription, StreamFeed
from shared.database import Database
from shared.errors import Overloaded
from shared.subjects import Mode, Stream

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def step(seq: int, progress: int = 50, status: Any = "deploying", text: str = "") -> FeedMessage[Update]:
    return FeedMessage(seq, "dep-1", NOW, "req-1", Update("dep-1", status, text or str(seq), progress=progress))


def stored(seq: int, **changes: Any) -> Any:
    """A row of the deployment, or a line of its log."""
    fields: dict[str, Any] = {
        "seq": seq,
        "last_seq": seq,
        "status": "deploying",
        "phase": "scaling-services",
        "progress": 50,
        "message": str(seq),
        "error_code": None,
        "resources": [],
        "updated_at": NOW,
        "last_time": NOW,
        "time": NOW,
        "level": "info",
        "correlation_id": "req-1",
    }
    return SimpleNamespace(**(fields | changes))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 100)), max_size=30))
def test_however_steps_arrive_each_is_shown_once_and_progress_never_falls(steps: list[tuple[int, int]]) -> None:
    view = DeploymentFeedState("dep-1", "t")
    shown = [view.message() for seq, progress in steps if view.update(step(seq, progress))]
    numbers = [each["seq"] for each in shown]
    assert numbers == sorted(set(numbers))
    progress_shown = [each["progress"] for each in shown]
    assert progress_shown == sorted(progress_shown)


def test_the_snapshot_is_the_row_and_what_the_row_has_is_not_shown_again() -> None:
    view = DeploymentFeedState("dep-1", "t")
    view.load(stored(10, progress=60))
    assert view.message("snapshot")["seq"] == 10
    assert not view.update(step(9))
    assert not view.update(step(10))
    assert view.update(step(11, 40))
    assert view.message()["progress"] == 60


def test_after_the_end_only_another_end_is_shown() -> None:
    view = DeploymentFeedState("dep-1", "t")
    assert view.update(step(1, 100, "completed"))
    assert not view.update(step(2, 50))
    assert not view.update(step(3, 100, "superseded"))
    assert view.update(step(4, 100, "rolled_back"))


def test_a_replay_takes_from_the_log_and_from_memory_what_the_other_lacks() -> None:
    log = [stored(11), stored(13)]
    recent = [step(10), step(11), step(12), step(14)]
    found = merged(log, recent, 10, 13)
    assert [each.seq for each in found] == [11, 12, 13]
    assert merged(log, recent, None, 13) == []


def test_sockets_that_send_the_same_message_share_its_text_and_others_have_their_own() -> None:
    shared = SharedText()
    views = [DeploymentFeedState("dep-1", "t") for _ in range(3)]
    views[2].update(step(1, 90))
    live = step(2, 50)
    messages = [view.message() for view in views if view.update(live)]
    texts = [shared.of(each) for each in messages]
    assert texts == [encode(each) for each in messages]
    assert texts[0] is texts[1]
    assert '"progress":90' in texts[2]


class Written(list[str]):
    """What a socket wrote; it isn't ready while `is_ready` is False."""

    is_ready = True

    def __call__(self, text: str) -> bool:
        if self.is_ready:
            self.append(text)
        return self.is_ready


def test_a_step_that_is_written_at_once_is_the_same_as_one_that_is_sent_and_is_computed_once() -> None:
    shared, views = SharedText(), [DeploymentFeedState("dep-1", "t") for _ in range(3)]
    sent: list[str] = []
    views[2].update(step(1, 90))
    outputs = [Written() for _ in views]
    alone = DeploymentFeedState("dep-1", "t")
    for live in (step(2, 50), step(2, 60), step(3, 70), step(4, 95, "completed"), step(5, 10)):
        if alone.update(live):
            sent.append(encode(alone.message()))
        for view, output in zip(views, outputs, strict=True):
            assert view.send_at_once(live, shared, output)
    assert outputs[0] == outputs[1] == sent
    assert all(first is second for first, second in zip(*outputs[:2], strict=True))
    assert views[0]._state is views[1]._state
    assert ['"progress":90' in text for text in outputs[2]] == [True, True, False]


def test_a_socket_that_isn_t_ready_keeps_its_state_and_sends_the_step_later() -> None:
    shared, view, output = SharedText(), DeploymentFeedState("dep-1", "t"), Written()
    output.is_ready = False
    assert not view.send_at_once(step(2), shared, output)
    assert view.seq == 0
    output.is_ready = True
    assert view.send_at_once(step(2), shared, output)
    assert (view.seq, len(output)) == (2, 1)


async def test_a_waiting_socket_gets_messages_at_once_and_none_overtakes_one_in_the_queue() -> None:
    subscription: FeedSubscription[str] = FeedSubscription([], 9, 0)
    ready = True
    at_once: list[int] = []

    def deal(message: FeedMessage[str]) -> bool:
        if ready:
            at_once.append(message.seq)
        return ready

    waiting = asyncio.create_task(subscription.get(deal))
    while subscription._at_once is None:  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0)
    assert subscription.put(FeedMessage(1, "x", NOW, "", ""))
    ready = False
    assert subscription.put(FeedMessage(2, "x", NOW, "", ""))
    ready = True
    assert subscription.put(FeedMessage(3, "x", NOW, "", ""))
    _, second = await waiting
    _, third = await subscription.get(deal)
    assert second is not None and third is not None
    assert (at_once, second.seq, third.seq) == ([1], 2, 3)
    assert subscription._at_once is None


async def test_sockets_of_one_topic_share_texts_as_long_as_one_is_open() -> None:
    with feed() as each:
        with each.subscribe("a") as first, each.subscribe("a") as second, each.subscribe("b") as other:
            text = first.text({"seq": 1})
            assert second.text({"seq": 1}) is text
            assert other.text({"seq": 2}) == '{"seq":2}'
        assert not each._texts


def sample(seq: int, arrived: datetime = NOW, **values: float) -> FeedMessage[tuple[datetime, dict[str, float]]]:
    return FeedMessage(seq, "t", arrived, "req-1", (NOW, values))


def test_no_message_is_due_before_the_first_sample() -> None:
    view = MonitoringFeedState("t", Clock())
    assert view.message() is None
    assert view.wait() is None


def test_values_stand_below_metrics_and_at_the_top_but_never_in_the_place_of_a_field() -> None:
    view = MonitoringFeedState("t", Clock())
    view.add(sample(5, cpu=1.0, tenant_id=2.0, timestamp=3.0))
    message = view.message()
    assert message is not None
    assert message["metrics"] == {"cpu": 1.0, "tenant_id": 2.0, "timestamp": 3.0}
    assert (message["cpu"], message["tenant_id"], message["timestamp"]) == (1.0, "t", NOW)


def test_a_value_that_is_older_than_a_minute_is_no_longer_shown() -> None:
    view = MonitoringFeedState("t", Clock())
    view.add(sample(1, gpu=1.0))
    view.add(sample(2, NOW + timedelta(seconds=59), cpu=2.0))
    first = view.message()
    assert first is not None
    assert first["metrics"] == {"cpu": 2.0, "gpu": 1.0}
    view.add(sample(3, NOW + timedelta(seconds=61), cpu=3.0))
    later = view.message()
    assert later is not None
    assert later["metrics"] == {"cpu": 3.0}


def test_an_interval_holds_values_back_and_then_sends_the_latest() -> None:
    clock = Clock()
    view = MonitoringFeedState("t", clock)
    assert view.receive({"action": "subscribe", "metrics": ["cpu"], "interval": 5000}) is None
    view.add(sample(1, cpu=1.0))
    assert view.message() is not None
    clock.now += 2
    view.add(sample(2, cpu=2.0))
    view.add(sample(3, memory=9.0))
    assert view.message() is None
    assert view.wait() == pytest.approx(2.5)
    clock.now += 2.6
    message = view.message()
    assert message is not None
    assert message["metrics"] == {"cpu": 2.0}
    assert view.message() is None


def test_unsubscribed_metrics_are_silent_until_they_are_wanted_again() -> None:
    view = MonitoringFeedState("t", Clock())
    view.receive({"action": "unsubscribe", "metrics": ["cpu_usage"]})
    view.add(sample(1, cpu=1.0))
    assert view.message() is None
    view.add(sample(2, memory=1.0))
    message = view.message()
    assert message is not None
    assert message["metrics"] == {"memory": 1.0}
    view.receive({"action": "unsubscribe"})
    view.add(sample(3, memory=2.0))
    assert view.message() is None
    view.receive({"action": "subscribe"})
    assert view.message() is not None


@pytest.mark.parametrize(
    "message",
    [
        None,
        5,
        [],
        {},
        {"action": "dance"},
        {"action": "subscribe", "metrics": "cpu"},
        {"action": "subscribe", "metrics": [1]},
        {"action": "subscribe", "interval": 0},
        {"action": "subscribe", "interval": -5},
        {"action": "subscribe", "interval": True},
        {"action": "subscribe", "interval": "fast"},
        {"action": "subscribe", "interval": 1e12},
    ],
)
def test_an_invalid_message_is_answered(message: Any) -> None:
    answer = MonitoringFeedState("t", Clock()).receive(message)
    assert answer is not None
    assert answer["type"] == "error"


async def test_a_full_queue_gives_up_its_oldest_and_counts_them() -> None:
    subscription: FeedSubscription[str] = FeedSubscription([], 2, 0)
    kept = [subscription.put(FeedMessage(seq, "x", NOW, "", "")) for seq in range(5)]
    assert kept == [True, True, False, False, False]
    missed, first = await subscription.get()
    assert first is not None
    assert (missed, first.seq) == (3, 3)
    missed, second = await subscription.get()
    assert second is not None
    assert (missed, second.seq) == (0, 4)
    subscription.poke()
    assert await subscription.get() == (0, None)


@contextmanager
def feed(**changes: Any) -> Iterator[StreamFeed[str]]:
    options: dict[str, Any] = {"subjects": ["deploy.progressed"], "behind": "gateway-projects", "keep": 3, "queue": 3}
    yield StreamFeed(Mode.DEMO, Stream.ECP, lambda event: (), on_missed=lambda: None, **(options | changes))


class PositionsOnly:
    """The part of a NATS client that reports the positions of a stream and a durable."""

    def __init__(self, last: int, floor: int) -> None:
        self._last = last
        self._floor = floor

    def jetstream(self) -> "PositionsOnly":
        return self

    async def stream_info(self, name: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(last_seq=self._last))

    async def consumer_info(self, stream: str, durable: str) -> Any:
        done = SimpleNamespace(stream_seq=self._floor)
        return SimpleNamespace(ack_floor=done, delivered=done, num_ack_pending=0)


@pytest.mark.parametrize(
    ("seen", "behind", "last", "first"),
    [
        (0, "gateway-projects", 100, 41),  # behind what is in the rows
        (0, None, 100, 101),  # with what comes
        (90, "gateway-projects", 100, 90),  # with the last one, to see that it is still the same
        (90, "gateway-projects", 5, 41),  # a stream that was created again
    ],
)
async def test_a_feed_begins_where_nothing_is_left_out(seen: int, behind: str | None, last: int, first: int) -> None:
    with feed(behind=behind) as each:
        each.last_seq = seen
        assert await each._first(PositionsOnly(last, 40)) == first  # type: ignore[arg-type]


def test_a_subscription_knows_what_came_lately_of_its_topic() -> None:
    with feed() as each:
        for seq, topic in enumerate(("a", "b", "a", "a", "a")):
            each._fan_out(FeedMessage(seq, topic, NOW, "", ""))
        with each.subscribe("a") as subscription:
            assert [message.seq for message in subscription.recent] == [2, 3, 4]
        assert not each._subscriptions


def test_what_an_earlier_owner_of_a_topic_measured_is_forgotten() -> None:
    earlier, own = sample(1, NOW - timedelta(seconds=5), cpu=1.0), sample(2, NOW, cpu=2.0)
    subscription = FeedSubscription([earlier, own], 2, 0)
    subscription.forget_before(NOW)
    assert subscription.recent == [own]


def unsubscribe(names: list[str]) -> dict[str, Any]:
    return {"action": "unsubscribe", "metrics": names}


def test_names_that_no_metric_can_have_are_refused_and_not_kept() -> None:
    view = MonitoringFeedState("t", Clock())
    for names in (["x" * 60_000], ["a b"], [""], [f"m{number}" for number in range(101)]):
        answer = view.receive(unsubscribe(names))
        assert answer is not None
        assert "at most 100 names" in answer["error"]["message"]
    assert view._excluded == set()


def test_a_client_that_unsubscribes_for_ever_is_stopped_at_a_thousand_names() -> None:
    view = MonitoringFeedState("t", Clock())
    answers = [view.receive(unsubscribe([f"m{n}_{part}" for n in range(100)])) for part in range(1000)]
    assert answers[:10] == [None] * 10
    assert all(answers[10:])
    assert len(view._excluded) == 1000


def test_what_was_subscribed_to_can_be_unsubscribed_without_being_kept() -> None:
    view = MonitoringFeedState("t", Clock())
    view.receive({"action": "subscribe", "metrics": ["cpu", "memory"]})
    view.receive(unsubscribe(["cpu_usage", "other"]))
    view.add(sample(1, cpu=1.0, memory=2.0))
    assert (view.message() or {})["metrics"] == {"memory": 2.0}
    assert view._excluded == set()


def test_series_that_ended_are_not_kept_for_as_long_as_a_socket_is_open() -> None:
    view = MonitoringFeedState("t", Clock())
    for minute in range(100):
        view.add(sample(minute, NOW + timedelta(minutes=2 * minute), **{f"m{minute}": 1.0}))
    assert set(view._values) == {"m99"}
    assert (view.message() or {})["metrics"] == {"m99": 1.0}


def test_a_client_may_send_a_burst_and_then_so_many_messages_a_second() -> None:
    clock = Clock()
    allowance = MessageAllowance(clock)
    assert sum(allowance.take() for _ in range(1000)) == 100
    clock.now += 1
    assert sum(allowance.take() for _ in range(1000)) == 10


async def test_sockets_that_open_at_once_wait_for_their_turn_and_not_for_ever() -> None:
    reading = Reading()
    snapshots = SnapshotReader(cast(Database, reading), 2, longest_wait=5.0)
    opening = [asyncio.create_task(read(snapshots)) for _ in range(50)]
    await asyncio.sleep(0)
    reading.go_on.set()
    await asyncio.gather(*opening)
    assert reading.most == 2
    reading.go_on.clear()
    impatient = SnapshotReader(cast(Database, reading), 1, longest_wait=0.05)
    first = asyncio.create_task(read(impatient))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="too many are opening at once"):
        await read(impatient)
    reading.go_on.set()
    await first


class Reading:
    """A database whose transactions last as long as a test wants, and that counts those at once."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.most = self.present = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        self.present += 1
        self.most = max(self.most, self.present)
        yield
        self.present -= 1


async def read(snapshots: SnapshotReader) -> None:
    async with snapshots.begin():
        await cast(Any, snapshots)._database.go_on.wait()
