"""Notifications on a real PostgreSQL: from a transition to what a receiver got."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.alerts.transition import Transition
from services.monitor.notifications.composer import add_notification
from services.monitor.notifications.delivery_rules import GIVE_UP_AFTER, Failure
from services.monitor.notifications.notices import again, told_row
from services.monitor.notifications.outbox_store import Waiting
from services.monitor.notifications.pending_store import add_pending, tell
from services.monitor.notifications.receiver_rows import receiver_named, receivers_of
from services.monitor.notifications.upkeep import NotificationUpkeep
from shared.alerts.rule import EmailAction, ReceiverAction, WebhookAction
from shared.database import Database
from shared.errors import Refused
from shared.roles import GATEWAY, MONITOR
from shared.rpc.receivers import NotificationsRequest, ReceiverSpec, ReceiversRequest, SavedReceiver
from shared.subjects import Mode
from tests.support.incident_rows import insert_incident
from tests.support.migrated_databases import owners_database
from tests.support.notices import NOON, notice, transition
from tests.support.notification_parts import Parts, add_tenants, empty_tables
from tests.support.polling import eventually

_ALERT = """
INSERT INTO alerts (alert_id, tenant_id, name, fingerprint, severity, type, state, condition, summary, began,
    incident_id)
SELECT $1, id, 'cpu', 'f', 'warning', 'custom', 'firing', 'cpu_usage > 80', 'CPU', $3, $2 FROM tenants
"""


class Killed(Exception):
    """The process ends here."""


class Outside:
    """The receivers, by name: what each got, and whether it is away."""

    def __init__(self) -> None:
        self.got: dict[str, list[Waiting]] = defaultdict(list)
        self.away: set[str] = set()
        self.failure = Failure("away")
        self.kills: str = ""
        """`before` or `after` the next receipt."""

    async def deliver(self, waiting: Waiting, now: datetime) -> Failure | None:
        kill, self.kills = self.kills, ""
        if kill == "before":
            raise Killed
        if waiting.content.receiver in self.away:
            return self.failure
        self.got[waiting.content.receiver].append(waiting)
        if kill == "after":
            raise Killed
        return None

    def told(self, name: str) -> list[tuple[str, str, str]]:
        """The alert, the status and the reason of each notice, without repeated deliveries."""
        once = {each.content.notification_id: each.content for each in self.got[name]}
        return [(alert.alert_id, alert.status, alert.reason) for content in once.values() for alert in content.alerts]


@pytest.fixture(scope="module")
async def tables(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with owners_database(postgres) as database:
        yield database


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
async def parts(tables: Database, outside: Outside) -> AsyncIterator[Parts]:
    async with empty_tables(tables) as database:
        yield Parts(database, outside.deliver)


async def test_a_firing_and_a_resolution_are_one_notification_each(parts: Parts, outside: Outside) -> None:
    await parts.create("oncall")
    await parts.tell(transition())
    await parts.send_all()
    await parts.tell(transition(state="resolved"))
    await parts.send_all()
    assert outside.told("oncall") == [("alert-a", "firing", "fired"), ("alert-a", "resolved", "resolved")]
    resolved = outside.got["oncall"][1].content.alerts[0]
    assert (resolved.starts_at, resolved.value) == (NOON, 93.25)


async def test_a_firing_that_was_told_is_nothing_new(parts: Parts, outside: Outside) -> None:
    await parts.create("oncall")
    await parts.tell(transition())
    await parts.tell(transition(incident_id="incident-1"), transition(incident_id="incident-1"))
    await parts.send_all()
    assert outside.told("oncall") == [("alert-a", "firing", "fired")]


async def test_muted_and_inhibited_alerts_are_told_to_none_and_their_end_neither(
    parts: Parts, outside: Outside
) -> None:
    await parts.create("oncall")
    await parts.tell(transition("a", muted_by="silence-1"), transition("b", inhibited_by="f"))
    await parts.tell(transition("a", "resolved"), transition("b", "resolved"))
    await parts.send_all()
    assert outside.told("oncall") == []


async def test_an_alert_is_told_when_its_silence_ends_and_its_end_also_in_a_new_one(
    parts: Parts, outside: Outside
) -> None:
    await parts.create("oncall")
    await parts.tell(transition(muted_by="silence-1"))
    await parts.tell(transition())
    await parts.tell(transition(state="resolved", muted_by="silence-2"))
    await parts.send_all()
    assert [status for _, status, _ in outside.told("oncall")] == ["firing", "resolved"]


async def test_routes_choose_by_tenant_and_severity(parts: Parts, outside: Outside) -> None:
    await add_tenants(parts.database, "beta")
    await parts.create("all")
    await parts.create("critical", severities=["critical"])
    await parts.create("beta-only", tenants=["beta"])
    await parts.create("own", "beta")
    await parts.create("off", enabled=False)
    await parts.tell(transition("a"), transition("b", tenant_id="beta", severity="critical"))
    await parts.send_all()
    told = {name: sorted(alert for alert, _, _ in outside.told(name)) for name in list(outside.got)}
    assert told == {
        "all": ["alert-a", "alert-b"],
        "critical": ["alert-b"],
        "beta-only": ["alert-b"],
        "own": ["alert-b"],
    }


async def test_a_receiver_of_the_mode_for_some_tenants_is_told_nothing_of_others(
    parts: Parts, outside: Outside
) -> None:
    await add_tenants(parts.database, "beta")
    await parts.create("betas", tenants=["beta"])
    action = ReceiverAction(type="receiver", name="betas")
    with pytest.raises(Refused, match="create it first"):
        await parts.create("own", "acme", escalation={"after_minutes": 5, "receiver": "betas"})
    await parts.create("own", "beta", escalation={"after_minutes": 5, "receiver": "betas"})
    await parts.create("all", escalation={"after_minutes": 5, "receiver": "betas"})
    await parts.tell(transition("a", actions=(action,)), transition("b", tenant_id="beta", actions=(action,)))
    await parts.send_all()
    parts.now.forward(300)
    await parts.following.run_once()
    await parts.send_all()
    assert {alert for alert, _, _ in outside.told("betas")} == {"alert-b"}


async def test_a_rules_actions_become_receivers_of_the_tenant(parts: Parts, outside: Outside) -> None:
    await parts.create("shared", severities=["critical"])
    actions = (
        WebhookAction(type="webhook", url="https://hooks.example.com/a?token=1"),
        EmailAction(type="email", recipients=("admin@company.com",)),
        ReceiverAction(type="receiver", name="shared"),
    )
    await parts.tell(transition("a", actions=actions), transition("b", actions=actions))
    await parts.send_all()
    made = (await parts.receivers.answer(ReceiversRequest(tenant_id="acme"))).receivers
    assert [(each.origin, each.destination) for each in made if each.spec.type == "webhook"] == [
        ("rule", "hooks.example.com")
    ]
    assert sorted(outside.got) == sorted(["shared", *(each.name for each in made)])
    assert all(len(outside.told(name)) == 2 for name in outside.got)


async def test_a_receiver_with_the_url_of_an_action_gets_it_once(parts: Parts, outside: Outside) -> None:
    await parts.create("own", "acme", url="https://hooks.example.com/a")
    await parts.tell(transition(actions=(WebhookAction(type="webhook", url="https://hooks.example.com/a"),)))
    await parts.send_all()
    assert {name: len(outside.told(name)) for name in outside.got} == {"own": 1}


async def test_a_receiver_that_is_down_for_an_hour_gets_all_in_order(parts: Parts, outside: Outside) -> None:
    await parts.create("oncall")
    outside.away.add("oncall")
    for minute in range(60):
        await parts.tell(transition(f"{minute:02}"))
        await parts.send()
        parts.now.forward(60)
    health = (await parts.shown("oncall")).health
    assert health.failures > 10
    assert health.last_error == "away"
    outside.away.clear()
    await parts.send_all()
    assert [alert for alert, _, _ in outside.told("oncall")] == [f"alert-{minute:02}" for minute in range(60)]
    assert (await parts.shown("oncall")).health.failures == 0


async def test_ten_thousand_alerts_in_a_minute_are_a_bounded_number_of_notifications(
    parts: Parts, outside: Outside
) -> None:
    tenants = [f"tenant-{number}" for number in range(100)]
    await add_tenants(parts.database, *tenants)
    await parts.create("flooded", most_per_minute=60)
    for second in range(20):
        await parts.tell(
            *(
                transition(f"{second * 500 + number:05}", tenant_id=tenants[number % 100], labels={})
                for number in range(500)
            )
        )
        await parts.send()
        parts.now.forward(3)
    during = len(outside.got["flooded"])
    await parts.send_all()
    told = [alert for alert, _, _ in outside.told("flooded")]
    assert sorted(told) == [f"alert-{number:05}" for number in range(10_000)]
    assert during <= 70
    assert len(outside.got["flooded"]) <= 120


async def test_quiet_hours_hold_what_isnt_urgent_until_their_end(parts: Parts, outside: Outside) -> None:
    quiet = {"start": "11:00", "end": "13:00", "time_zone": "UTC"}
    await parts.create("oncall", quiet_hours=quiet)
    await parts.tell(transition("a"), transition("b", severity="critical"))
    await parts.tell(transition("a", "resolved"))
    await parts.send()
    assert outside.told("oncall") == [("alert-b", "firing", "fired")]
    await parts.send_all()
    assert parts.now() == datetime.fromisoformat("2031-07-07T13:00:00Z")
    assert outside.told("oncall")[1:] == [("alert-a", "firing", "fired"), ("alert-a", "resolved", "resolved")]


async def test_an_alert_that_isnt_acknowledged_goes_to_the_next_receiver(parts: Parts, outside: Outside) -> None:
    await parts.create("chief", severities=["critical"])
    await parts.create("oncall", escalation={"after_minutes": 5, "receiver": "chief"}, repeat_minutes=60)
    await parts.tell(transition())
    outside.away.add("oncall")  # the next receiver is told although this one is away
    await parts.send()
    parts.now.forward(299)
    assert await parts.following.run_once() == 0
    parts.now.forward(1)
    assert await parts.following.run_once() == 1
    await parts.send()
    assert outside.told("chief") == [("alert-a", "firing", "escalated")]
    outside.away.clear()
    await parts.tell(transition(state="resolved"))
    await parts.send_all()
    assert [status for _, status, _ in outside.told("chief")] == ["firing", "resolved"]
    assert [reason for _, _, reason in outside.told("oncall")] == ["fired", "resolved"]
    parts.now.forward(36_000)
    assert await parts.following.run_once() == 0


async def test_a_resolution_in_the_moment_of_an_escalation_reaches_the_next_receiver_too(
    parts: Parts, outside: Outside
) -> None:
    """The escalation, whose transaction isn't committed yet, adds a row that the resolution must find."""
    await parts.create("chief", severities=["critical"])
    await parts.create("oncall", repeat_minutes=60)
    await parts.tell(transition())
    async with parts.database.begin() as connection:
        await connection.execute(text("SELECT FROM notified_alerts FOR UPDATE"))
        resolving = asyncio.create_task(parts.tell(transition(state="resolved")))
        await eventually(lambda: _waits_for_a_lock(parts))
        chief = await receiver_named(connection, None, "chief")
        assert chief is not None
        row = told_row(chief.receiver_id, chief.spec, again(notice(), "escalated"), parts.now())
        await tell(connection, [row])
        await add_pending(connection, [row])
    await resolving
    await parts.send_all()
    assert [status for _, status, _ in outside.told("chief")] == ["firing", "resolved"]
    parts.now.forward(36_000)
    assert await parts.following.run_once() == 0


async def _waits_for_a_lock(parts: Parts) -> bool:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with parts.database.begin() as connection:
        return bool(await connection.scalar(text(statement)))


async def test_an_acknowledged_incident_is_neither_repeated_nor_escalated(parts: Parts, outside: Outside) -> None:
    await parts.create("chief", severities=["critical"])
    await parts.create("oncall", escalation={"after_minutes": 5, "receiver": "chief"}, repeat_minutes=5)
    async with parts.database.session() as session:
        incident = await insert_incident(session, "acme", opened_at=NOON)
        await session.execute(_ALERT, "alert-a", incident, NOON)
        await session.execute("UPDATE incidents SET status = 'acknowledged'")
    await parts.tell(transition(incident_id=incident))
    await parts.send_all()
    parts.now.forward(300)
    assert await parts.following.run_once() == 1
    await parts.send_all()
    assert [reason for _, _, reason in outside.told("oncall")] == ["fired"]
    async with parts.database.session() as session:
        await session.execute("UPDATE incidents SET status = 'open'")
    parts.now.forward(300)
    await parts.following.run_once()
    await parts.send_all()
    assert [reason for _, _, reason in outside.told("oncall")] == ["fired", "repeated"]
    assert [reason for _, _, reason in outside.told("chief")] == ["escalated"]


async def test_what_still_fires_is_repeated(parts: Parts, outside: Outside) -> None:
    await parts.create("oncall", repeat_minutes=60)
    await parts.tell(transition())
    await parts.send_all()
    for _ in range(2):
        parts.now.forward(3600)
        await parts.following.run_once()
        await parts.send_all()
    assert [reason for _, _, reason in outside.told("oncall")] == ["fired", "repeated", "repeated"]


async def test_an_alertmanager_is_reminded_each_minute_whatever_its_group_and_its_quiet_hours(
    parts: Parts, outside: Outside
) -> None:
    """Without a repetition Alertmanager would tell people after four minutes that the alert is resolved."""
    quiet = {"start": "12:05", "end": "14:00", "time_zone": "UTC"}
    await parts.create("pushed", type="alertmanager", group_seconds=240, quiet_hours=quiet)
    await parts.tell(transition("a"))
    await parts.send_all()
    for minute in range(1, 6):
        parts.now.forward(60)
        await parts.following.run_once()
        await parts.send()
        assert outside.told("pushed") == [("alert-a", "firing", "fired"), *[("alert-a", "firing", "repeated")] * minute]


async def test_a_refused_notification_becomes_a_dead_letter_that_can_be_replayed(
    parts: Parts, outside: Outside
) -> None:
    await parts.create("oncall")
    outside.failure = Failure("HTTP 422", concerns_content=True)
    outside.away.add("oncall")
    await parts.tell(transition("a"))
    await parts.send_all()
    outside.away.clear()
    await parts.tell(transition("b"))
    await parts.send_all()
    assert [alert for alert, _, _ in outside.told("oncall")] == ["alert-b"]
    [dead] = await parts.listed("oncall", "dead")
    assert (dead.reason, dead.attempts, dead.alerts) == ("HTTP 422", 4, 1)
    request = NotificationsRequest(tenant_id=None, receiver="oncall", replay=())
    assert (await parts.sent.answer(request)).replayed == 1
    await parts.send_all()
    assert [each.content.notification_id for each in outside.got["oncall"]][-1] == dead.notification_id
    assert await parts.listed("oncall", "dead") == ()
    assert len(await parts.listed("oncall", "sent")) == 2


async def test_large_notifications_are_listed_in_answers_that_the_bus_takes(parts: Parts) -> None:
    await parts.create("oncall")
    notices = [notice(str(number), summary="x" * 1000).model_dump(mode="json") for number in range(200)]
    async with parts.database.begin() as connection:
        receiver = await receiver_named(connection, None, "oncall")
        assert receiver is not None
        for _ in range(12):
            await add_notification(
                connection, receiver.receiver_id, notices, name="oncall", mode=Mode.PRODUCTION, now=parts.now()
            )
    seen: list[str] = []
    while len(seen) < 12:
        before = seen[-1] if seen else None
        request = NotificationsRequest(tenant_id=None, receiver="oncall", limit=200, before=before)
        reply = await parts.sent.answer(request)
        assert reply.notifications
        assert len(reply.model_dump_json()) < 1_500_000
        seen += [each.notification_id for each in reply.notifications]
    assert len(set(seen)) == 12


async def test_a_notification_is_given_up_after_a_day_and_removed_after_a_month(parts: Parts, outside: Outside) -> None:
    await parts.create("oncall")
    outside.away.add("oncall")
    await parts.tell(transition())
    await parts.send()
    parts.now.forward(GIVE_UP_AFTER.total_seconds())
    await parts.send()
    assert [each.state for each in await parts.listed("oncall")] == ["dead"]
    upkeep = NotificationUpkeep(parts.database, parts.now)
    parts.now.forward(29 * 86_400)
    await upkeep.run_once()
    assert len(await parts.listed("oncall")) == 1
    parts.now.forward(2 * 86_400)
    await upkeep.run_once()
    assert await parts.listed("oncall") == ()


async def test_a_removed_receiver_takes_all_with_it_and_disturbs_no_transition(parts: Parts) -> None:
    await parts.create("oncall")
    await parts.tell(transition())
    await parts.receivers.answer(ReceiversRequest(tenant_id=None, remove="oncall"))
    await parts.tell(transition(state="resolved"))
    await parts.send_all()
    async with parts.database.begin() as connection:
        for table in ("receiver_secrets", "receiver_states", "notified_alerts", "pending_notices", "notifications"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608 - a constant


@pytest.mark.parametrize(
    ("name", "spec", "field"),
    [
        ("x", {"type": "webhook"}, "url"),
        ("x", {"type": "webhook", "url": "http://169.254.169.254/latest"}, "url"),
        ("x", {"type": "slack", "url": "https://a:b@hooks.slack.com/"}, "url"),
        ("x", {"type": "webhook", "url": "https://h.example.com", "recipients": ["a@b.c"]}, "recipients"),
        ("x", {"type": "email"}, "recipients"),
        ("x", {"type": "email", "recipients": ["a@b.c", "a@b.c\r\nBcc: x@y.z"]}, "recipients.1"),
        ("x", {"type": "email", "recipients": ["a@b.c"], "url": "https://h.example.com"}, "url"),
        (
            "x",
            {
                "type": "webhook",
                "url": "https://h.example.com",
                "escalation": {"after_minutes": 5, "receiver": "x"},
            },
            "escalation.receiver",
        ),
        (
            "x",
            {
                "type": "webhook",
                "url": "https://h.example.com",
                "escalation": {"after_minutes": 5, "receiver": "gone"},
            },
            "escalation.receiver",
        ),
        (
            "x",
            {"type": "webhook", "url": "https://h.example.com", "quiet_hours": {"start": "07:00", "end": "07:00"}},
            "quiet_hours.end",
        ),
    ],
)
async def test_an_unusable_receiver_is_refused_with_its_field(
    parts: Parts, name: str, spec: dict[str, Any], field: str
) -> None:
    saved = SavedReceiver(name=name, spec=ReceiverSpec(**spec))
    with pytest.raises(Refused) as refused:
        await parts.receivers.answer(ReceiversRequest(tenant_id=None, create=saved))
    assert [each["field"] for each in refused.value.details["errors"]] == [f"spec.{field}"]
    assert (await parts.receivers.answer(ReceiversRequest(tenant_id=None))).receivers == ()


async def test_secrets_are_shown_once_and_kept_over_a_change(parts: Parts, outside: Outside) -> None:
    secret = await parts.create("oncall", authorization="Bearer hunter2", url="https://hooks.example.com/hunter3")
    reply = await parts.receivers.answer(ReceiversRequest(tenant_id=None))
    shown = reply.receivers[0]
    assert (shown.destination, shown.has_authorization) == ("hooks.example.com", True)
    change = SavedReceiver(name="oncall", spec=shown.spec.model_copy(update={"repeat_minutes": 5}))
    changed = await parts.receivers.answer(ReceiversRequest(tenant_id=None, change=change))
    rotated = await parts.receivers.answer(ReceiversRequest(tenant_id=None, rotate="oncall", overlap_minutes=60))
    text_shown = reply.model_dump_json() + changed.model_dump_json() + repr(rotated)
    assert "hunter" not in text_shown
    assert secret not in text_shown
    assert rotated.secret is not None
    assert rotated.secret not in repr(rotated)
    await parts.receivers.answer(ReceiversRequest(tenant_id=None, test="oncall"))
    await parts.send_all()
    used = outside.got["oncall"][0].secrets
    assert (used.url, used.authorization) == ("https://hooks.example.com/hunter3", "Bearer hunter2")
    assert (used.signing, used.previous) == (rotated.secret, secret)
    parts.now.forward(3601)
    await parts.receivers.answer(ReceiversRequest(tenant_id=None, test="oncall"))
    await parts.send_all()
    assert outside.got["oncall"][1].secrets.previous is None


@pytest.mark.parametrize(
    "url", ["https://evil.example.com/hook", "http://hooks.example.com/hook", "https://hooks.example.com:8443/hook"]
)
async def test_a_stored_authorization_goes_to_no_other_server(parts: Parts, outside: Outside, url: str) -> None:
    """A caller who may change a receiver isn't shown its secrets, and can't have them sent either."""
    await parts.create("oncall", authorization="Bearer hunter2", url="https://hooks.example.com/hook")
    with pytest.raises(Refused) as refused:
        await _change(parts, url=url)
    assert [each["field"] for each in refused.value.details["errors"]] == ["authorization"]
    await _change(parts, url="https://hooks.example.com:443/other")
    await _change(parts, url=url, authorization="Bearer new")
    await parts.receivers.answer(ReceiversRequest(tenant_id=None, test="oncall"))
    await parts.send_all()
    used = outside.got["oncall"][0].secrets
    assert (used.url, used.authorization) == (url, "Bearer new")


async def test_a_change_waits_for_no_transaction_of_alerts(parts: Parts) -> None:
    """It would also wait for a notification that is being made, which waits for the change in turn."""
    await parts.create("oncall")
    async with parts.database.begin() as connection:
        await receivers_of(connection, ["acme"])
        async with asyncio.timeout(60):
            await _change(parts, url="http://127.0.0.1:1/other")


async def _change(parts: Parts, **spec: Any) -> None:
    saved = SavedReceiver(name="oncall", spec=ReceiverSpec.model_validate({"type": "webhook", **spec}))
    await parts.receivers.answer(ReceiversRequest(tenant_id=None, change=saved))


async def test_a_receiver_to_which_another_escalates_stays(parts: Parts) -> None:
    await parts.create("chief")
    await parts.create("oncall", "acme", escalation={"after_minutes": 5, "receiver": "chief"})
    with pytest.raises(Refused, match="oncall"):
        await parts.receivers.answer(ReceiversRequest(tenant_id=None, remove="chief"))


async def test_names_are_used_once_in_a_tenant_and_a_tenant_has_to_exist(parts: Parts) -> None:
    await parts.create("oncall")
    await parts.create("oncall", "acme")
    with pytest.raises(Refused, match="oncall"):
        await parts.create("oncall", "acme")
    with pytest.raises(Refused, match="no tenant"):
        await parts.create("oncall", "gone")


async def test_another_process_gets_no_receiver_that_is_being_served(parts: Parts) -> None:
    await parts.create("oncall")
    await parts.tell(transition())
    assert len(await parts.claims.claim(10, parts.now())) == 1
    parts.restart()
    assert await parts.claims.claim(10, parts.now()) == []
    await parts.end_leases()
    assert len(await parts.claims.claim(10, parts.now())) == 1


async def test_only_the_monitors_role_reads_secrets(parts: Parts) -> None:
    async with parts.database.begin() as connection:
        for table in ("receivers", "receiver_secrets", "notifications", "pending_notices"):
            for role, may in ((GATEWAY, False), (MONITOR, True)):
                found = await connection.scalar(
                    text("SELECT has_table_privilege(:role, :table, 'SELECT')"), {"role": role, "table": table}
                )
                assert found is may, (role, table)


@pytest.mark.parametrize("seed", range(6))
async def test_kills_and_outages_at_each_step_lose_repeat_and_reorder_nothing(
    parts: Parts, outside: Outside, seed: int
) -> None:
    """Against a naive model: the list of what happened to each alert."""
    chance = random.Random(seed)
    await parts.create("one", group_seconds=chance.choice([0, 5]), most_per_minute=chance.choice([6, 60]))
    await parts.create("two", group_seconds=0)
    happened: list[tuple[str, str]] = []
    open_alerts: list[str] = []
    for step in range(60):
        action = chance.choice(["tell", "tell", "send", "send", "clock", "outage", "kill"])
        if action == "tell":
            await _tell(parts, chance, step, happened, open_alerts)
        elif action == "clock":
            parts.now.forward(chance.choice([1, 7, 70]))
        elif action == "outage":
            outside.away ^= {chance.choice(["one", "two"])}
        else:
            outside.kills = chance.choice(["before", "after"]) if action == "kill" else ""
            try:
                await parts.send()
            except Killed:
                parts.restart()
                await parts.end_leases()
    outside.away.clear()
    outside.kills = ""
    await parts.end_leases()
    await parts.send_all()
    for name in ("one", "two"):
        told = [(alert, status) for alert, status, _ in outside.told(name)]
        assert sorted(told) == sorted(happened)
        for alert in {alert for alert, _ in happened}:
            assert [each for each in told if each[0] == alert] == [each for each in happened if each[0] == alert]
        order = list(dict.fromkeys(each.seq for each in outside.got[name]))
        assert order == sorted(order)


async def _tell(
    parts: Parts, chance: random.Random, step: int, happened: list[tuple[str, str]], open_alerts: list[str]
) -> None:
    """Transitions in a transaction; sometimes the process ends before its commit, and the next one repeats it."""
    told: list[Transition] = []
    for number in range(chance.randint(1, 4)):
        if open_alerts and chance.random() < 0.4:
            told.append(transition(open_alerts.pop(chance.randrange(len(open_alerts))), "resolved"))
        else:
            told.append(transition(f"{step}-{number}"))
            open_alerts.append(f"{step}-{number}")
    if chance.random() < 0.3:
        with pytest.raises(Killed):
            async with parts.database.begin() as connection:
                await parts.listener.transitioned(connection, told)
                raise Killed
    await parts.tell(*told)
    happened += [(each.alert_id, each.state) for each in told]
