"""Sends what is due, in order for each receiver, concurrently for several of them.

Woken by PostgreSQL's NOTIFY when a transaction adds something, by the time at which something falls due, and by the
end of a turn. A slow poll covers lost notifications. A receiver has a turn of a few notifications and then lets
others go first, so that one with a long queue holds up none.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from services.monitor.clock import Now
from services.monitor.notifications.claims import Claims
from services.monitor.notifications.composer import Composer
from services.monitor.notifications.connector import TOTAL_SECONDS as HTTP_SECONDS
from services.monitor.notifications.delivery import Deliver
from services.monitor.notifications.delivery_rules import Failure, Verdict, next_attempt, shortened, verdict
from services.monitor.notifications.outbox_store import OutboxStore, Waiting
from services.monitor.notifications.pending_store import CHANNEL
from services.monitor.notifications.smtp import STEP_SECONDS
from services.monitor.notifications.smtp import TOTAL_SECONDS as SMTP_SECONDS
from shared.database import Database
from shared.errors import TemporaryError
from shared.process.backoff import Backoff
from shared.process.tasks import cancel_until_ended

CONCURRENT = 32
"""Receivers that are served at a time by a process, in each mode."""
LEASE_SECONDS = 45.0
_ATTEMPT_SECONDS = max(HTTP_SECONDS, SMTP_SECONDS + STEP_SECONDS) + 2.0
"""The longest attempt, which is an e-mail's with its farewell."""
_TURN = 20
"""Notifications of one turn."""
_POLL_SECONDS = 5.0
_log = structlog.get_logger(__name__)
Observe = Callable[[Waiting, Failure | None], None]


class Sender:
    """The sender of one mode in one process."""

    def __init__(
        self,
        database: Database,
        *,
        claims: Claims,
        composer: Composer,
        outbox: OutboxStore,
        deliver: Deliver,
        now: Now,
        observe: Observe = lambda _waiting, _failure: None,
        needed: float = _ATTEMPT_SECONDS,
    ) -> None:
        """`needed` is what a lease must last for an attempt, in seconds."""
        self._database = database
        self._claims = claims
        self._composer = composer
        self._outbox = outbox
        self._deliver = deliver
        self._now = now
        self._observe = observe
        self._needed = needed
        self._woken = asyncio.Event()
        self._turns: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until cancelled; waits while PostgreSQL is away."""
        backoff = Backoff(0.2, _POLL_SECONDS)
        try:
            while True:
                try:
                    async with self._database.session() as session:
                        await session.add_listener(CHANNEL, self._wake)
                        while not session.is_closed():
                            await self._round()
                            backoff.reset()
                except TemporaryError as error:
                    _log.warning(f"Notifications wait: {error.message}", action="notifications-wait")
                await backoff.sleep()
        finally:
            await cancel_until_ended(self._turns)

    async def _round(self) -> None:
        """Begin the turns that are due, and wait for the next reason to look."""
        self._woken.clear()
        free = CONCURRENT - len(self._turns)
        now = self._now()
        claimed = await self._claims.claim(free, now) if free else ()
        for receiver_id in claimed:
            task = asyncio.create_task(self._turn(receiver_id))
            self._turns.add(task)
            task.add_done_callback(self._ended)
        next_at = await self._claims.next_at(now)
        pause = _POLL_SECONDS if next_at is None else min(_POLL_SECONDS, (next_at - self._now()).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, pause)):
                await self._woken.wait()

    async def _turn(self, receiver_id: str) -> None:
        continues = False
        try:
            try:
                continues = await self.serve(receiver_id)
            finally:
                # Where this fails too, the lease ends by itself.
                await self._claims.release(receiver_id, continues=continues)
        except TemporaryError as error:
            _log.warning(f"A receiver's turn was cut short: {error.message}", action="turn-cut", receiver=receiver_id)

    async def serve(self, receiver_id: str) -> bool:
        """Send what is due for a receiver, until nothing is or an attempt fails; True if its turn is used up."""
        for _ in range(_TURN):
            waiting = await self._first(receiver_id)
            if waiting is None:
                return False
            failure = await self._deliver(waiting, self._now())
            self._observe(waiting, failure)
            if failure is None:
                await self._outbox.sent(receiver_id, waiting.seq, self._now())
            elif not await self._failed(receiver_id, waiting, failure):
                return False
        return True

    async def _first(self, receiver_id: str) -> Waiting | None:
        found = await self._outbox.first(receiver_id, self._now(), needed=self._needed)
        if found is None and await self._composer.compose(receiver_id):
            found = await self._outbox.first(receiver_id, self._now(), needed=self._needed)
        return found

    async def _failed(self, receiver_id: str, waiting: Waiting, failure: Failure) -> bool:
        """Whether the next notification has its turn, since this one is a dead letter."""
        now = self._now()
        is_dead = verdict(failure, waiting.attempts + 1, now - waiting.waits_since) is Verdict.DEAD
        retry_at = next_attempt(failure, waiting.failures + 1, now, spread=random.random())  # noqa: S311 - not secret
        reason = shortened(failure.reason)
        await self._outbox.failed(receiver_id, waiting.seq, reason, now, retry_at=None if is_dead else retry_at)
        _log.warning(
            f"Notification {'given up' if is_dead else 'not delivered'}: {reason}",
            action="notification-dead" if is_dead else "notification-retried",
            receiver=waiting.content.receiver,
            notification_id=waiting.content.notification_id,
        )
        return is_dead

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._turns.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A receiver's turn failed.", action="turn-failed", exc_info=error)

    def _wake(self, *_: Any) -> None:
        self._woken.set()
