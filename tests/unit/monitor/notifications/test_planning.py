"""Which pending notices become which notifications."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.notifications.planning import PendingNotice, Plan, plan
from services.monitor.notifications.rate import Bucket, capacity, full
from tests.support.examples import examples
from tests.support.notices import NOON


def pending(
    number: int, group: str = "g", *, due: float = 0, held: float | None = None, alert: str = ""
) -> PendingNotice:
    held_until = None if held is None else NOON + timedelta(seconds=held)
    return PendingNotice(number, alert or f"alert-{number}", group, NOON + timedelta(seconds=due), held_until)


def planned(*notices: PendingNotice, tokens: float = 10, size: int = 3, now: datetime = NOON) -> Plan:
    return plan(notices, Bucket(tokens, NOON), now, most_alerts=size, most_per_minute=60)


def test_a_group_is_sent_when_its_first_notice_is_due() -> None:
    found = planned(pending(1, due=0), pending(2, due=5), pending(3, "other", due=5))
    assert found.batches == ((1, 2),)
    assert found.not_before is None


def test_each_group_is_a_notification_of_its_own() -> None:
    assert planned(pending(1, "a"), pending(2, "b"), pending(3, "a")).batches == ((1, 3), (2,))


def test_a_large_group_is_several_notifications() -> None:
    assert planned(*(pending(each) for each in range(1, 8))).batches == ((1, 2, 3), (4, 5, 6), (7,))


def test_without_a_token_nothing_is_sent_until_the_next_one() -> None:
    found = planned(pending(1), tokens=0.5)
    assert found.batches == ()
    assert found.not_before == NOON + timedelta(seconds=0.5)


def test_groups_beyond_the_rate_share_the_last_notifications() -> None:
    found = planned(*(pending(each, f"g{each}") for each in range(1, 8)), tokens=3)
    assert found.batches == ((1, 2, 3), (4, 5, 6), (7,))
    assert planned(*(pending(each, f"g{each}") for each in range(1, 6)), tokens=3).batches == ((1,), (2, 3, 4), (5,))


def test_what_is_held_doesnt_come_along_with_its_group() -> None:
    found = planned(pending(1, due=60, held=60), pending(2))
    assert found.batches == ((2,),)
    later = planned(pending(1, due=60, held=60), now=NOON + timedelta(seconds=60))
    assert later.batches == ((1,),)


def test_no_notice_overtakes_an_earlier_one_of_its_alert() -> None:
    """As when the grouping was changed between the firing and the resolution."""
    found = planned(pending(1, "old", due=30, alert="x"), pending(2, "new", alert="x"), pending(3, "new"))
    assert found.batches == ((3,),)
    assert found.deferred == ((2, NOON + timedelta(seconds=30)),)


def test_a_full_bucket_holds_ten_seconds_of_the_rate_and_at_least_one() -> None:
    assert full(60, NOON).whole == 10
    assert full(1, NOON).whole == 1
    assert Bucket(0, NOON).at_time(NOON + timedelta(seconds=2), 60).whole == 2
    assert Bucket(5, NOON).at_time(NOON - timedelta(hours=1), 60).tokens == 5


notices = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(-5, 40),
        st.sampled_from([None, None, 10, 30]),
        st.sampled_from("xyzvw"),
    ),
    max_size=40,
)


@given(notices=notices, rate=st.integers(1, 120), size=st.integers(1, 7))
@examples(200)
def test_every_notice_is_sent_once_and_in_the_order_of_its_alert(
    notices: list[tuple[str, int, int | None, str]], rate: int, size: int
) -> None:
    left = {
        number: pending(number, group, due=max(due, held or due), held=held, alert=alert)
        for number, (group, due, held, alert) in enumerate(notices)
    }
    alerts = {number: each.alert_id for number, each in left.items()}
    bucket, now, sent, steps = full(rate, NOON), NOON, [], 0
    while left:
        found = plan(sorted(left.values()), bucket, now, most_alerts=size, most_per_minute=rate)
        assert len(found.batches) <= capacity(rate) + 1e-6
        assert all(0 < len(batch) <= size for batch in found.batches)
        for number in (each for batch in found.batches for each in batch):
            assert left[number].held_until is None or left[number].held_until <= now
            sent.append(number)
            del left[number]
        for number, until in found.deferred:
            left[number] = left[number]._replace(due_at=until)
        bucket = found.bucket
        due = [each.due_at for each in left.values()]
        now = max(now, found.not_before or min(due, default=now))
        steps += 1
        assert steps < 200, "it makes no progress"
    assert sorted(sent) == sorted(alerts)
    for alert in set(alerts.values()):
        of_alert = [number for number in sent if alerts[number] == alert]
        assert of_alert == sorted(of_alert)
