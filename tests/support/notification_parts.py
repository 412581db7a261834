"""The parts of a mode's notifications on a real database, with a clock that the test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import text

from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now
from services.monitor.notifications.claims import Claims
from services.monitor.notifications.composer import Composer
from services.monitor.notifications.delivery import Deliver
from services.monitor.notifications.following import Following
from services.monitor.notifications.listener import NotificationListener
from services.monitor.notifications.outbox_store import OutboxStore
from services.monitor.notifications.receiver_commands import ReceiverCommands
from services.monitor.notifications.sender import Sender
from services.monitor.notifications.sent_list import SentNotifications
from shared.database import Database
from shared.rpc.receivers import (
    NotificationsRequest,
    NotificationState,
    Receiver,
    ReceiverSpec,
    ReceiversRequest,
    SavedReceiver,
    SentNotification,
)
from shared.subjects import Mode
from tests.support.notices import NOON

LEASE = 3600.0
"""Seconds: longer than any test, so that a lease ends only where the test ends it."""


class Clock:
    """The time as the test sets it."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Parts:
    """The parts, of a process that a test can replace by another one."""

    def __init__(self, database: Database, deliver: Deliver, clock: Now | None = None) -> None:
        """`clock` is another one than `now`, such as the real one."""
        self.database = database
        self.deliver = deliver
        self.now = Clock()
        self.clock = clock or self.now
        self.listener = NotificationListener(self.clock, group_seconds=0)
        self.receivers = ReceiverCommands(Mode.PRODUCTION, database, self.clock, allow_private=True)
        self.sent = SentNotifications(database, self.clock)
        self.following = Following(database, self.clock)
        self._processes = 0
        self.restart()

    def restart(self) -> None:
        """Another process, which knows nothing of the one before."""
        self._processes += 1
        holder = f"process-{self._processes}"
        self.claims = Claims(self.database, holder, LEASE)
        self.composer = Composer(Mode.PRODUCTION, self.database, self.clock, holder)
        self.outbox = OutboxStore(self.database, holder, LEASE)
        self.sender = Sender(
            self.database,
            claims=self.claims,
            composer=self.composer,
            outbox=self.outbox,
            deliver=self.deliver,
            now=self.clock,
        )

    async def create(self, name: str, tenant: str | None = None, **spec: object) -> str:
        """Create a receiver; its secret."""
        values = {"type": "webhook", "url": "http://127.0.0.1:1/hook", "group_seconds": 0, **spec}
        if values["type"] == "email":
            del values["url"]
        saved = SavedReceiver(name=name, spec=ReceiverSpec.model_validate(values))
        reply = await self.receivers.answer(ReceiversRequest(tenant_id=tenant, create=saved))
        assert reply.secret is not None
        return reply.secret

    async def shown(self, name: str, tenant: str | None = None) -> Receiver:
        reply = await self.receivers.answer(ReceiversRequest(tenant_id=tenant))
        return next(each for each in reply.receivers if each.name == name)

    async def listed(
        self, name: str, state: NotificationState | None = None, tenant: str | None = None
    ) -> Sequence[SentNotification]:
        request = NotificationsRequest(tenant_id=tenant, receiver=name, state=state, limit=200)
        return (await self.sent.answer(request)).notifications

    async def tell(self, *transitions: Transition) -> None:
        """One transaction of transitions."""
        async with self.database.begin() as connection:
            await self.listener.transitioned(connection, transitions)

    async def send(self) -> int:
        """Give each receiver for which something is due a turn; how many had one."""
        claimed = await self.claims.claim(100, self.now())
        for receiver_id in claimed:
            continues = await self.sender.serve(receiver_id)
            await self.claims.release(receiver_id, continues=continues)
        return len(claimed)

    async def send_all(self, steps: int = 500) -> None:
        """Send until nothing is due and nothing will be, moving the clock to what is due next."""
        for _ in range(steps):
            if await self.send():
                continue
            next_at = await self.claims.next_at(self.now())
            if next_at is None:
                return
            self.now.time = max(self.now.time, next_at)
        raise AssertionError(f"notifications are still due after {steps} steps")

    async def end_leases(self) -> None:
        """What the time does for a process that was killed."""
        async with self.database.begin() as connection:
            await connection.execute(text("UPDATE receiver_states SET claimed_until = clock_timestamp()"))


async def add_tenants(database: Database, *names: str) -> None:
    """Rows of tenants, as the gateway makes them."""
    statement = text(
        "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target)"
        " VALUES (:tenant_id, 'Acme', 'small', '{}', '{}', '{}')"
    )
    async with database.begin() as connection:
        await connection.execute(statement, [{"tenant_id": each} for each in names])


@asynccontextmanager
async def empty_tables(database: Database) -> AsyncIterator[Database]:
    """The tables without rows, and a tenant acme."""
    async with database.begin() as connection:
        await connection.execute(text("TRUNCATE tenants, receivers CASCADE"))
    await add_tenants(database, "acme")
    yield database
