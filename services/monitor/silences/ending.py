"""Passes alerts on whose silence or maintenance has begun or ended while they fire.

Nothing else would tell: an alert that fires makes no transition when the clock passes the end of a silence. One copy at
a time looks, in a transaction that also has all that follows.
"""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now
from services.monitor.silences import silence_store
from shared.database import Database

FiringAgain = Callable[[AsyncConnection, Sequence[str]], Awaitable[Sequence[Transition]]]
"""Reads alerts that fire, by their fingerprints, as the transitions that they were."""
PassOn = Callable[[AsyncConnection, Sequence[Transition]], Awaitable[None]]
"""Has the listeners see transitions of alerts that fire already, and stores the marks that they set."""
EVERY = 5.0
"""Seconds between two looks: how late an alert is passed on at most."""
_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
_LOCK = 0x6563_7012


class SilenceEndings:
    """Those of one mode."""

    def __init__(self, database: Database, firing: FiringAgain, pass_on: PassOn, now: Now) -> None:
        self._database = database
        self._firing = firing
        self._pass_on = pass_on
        self._now = now

    async def run_once(self) -> None:
        """Pass on the alerts of all tenants whose marks have changed. Raises DependencyUnavailable."""
        async with self._database.begin() as connection:
            if await connection.scalar(_ALONE, {"lock": _LOCK}):
                await self.refresh(connection)

    async def refresh(self, connection: AsyncConnection) -> int:
        """The same in the transaction of `connection`. Returns the number of alerts."""
        at = self._now()
        alerts = await silence_store.firing_alerts(connection, at)
        if not alerts:
            return 0
        muting = await silence_store.muting(connection, {each.alert.tenant_id for each in alerts}, at)
        changed = {
            each.fingerprint: each.alert.tenant_id for each in alerts if muting.muted_by(each.alert) != each.muted_by
        }
        if changed:
            await lock_tenants(connection, changed.values())
            await self._pass_on(connection, await self._firing(connection, sorted(changed)))
        return len(changed)
