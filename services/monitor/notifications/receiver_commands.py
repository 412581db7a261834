"""Answers `rpc.receivers`: creates, changes, removes, rotates, tests and lists the receivers of one mode."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.notifications.composer import add_notification
from services.monitor.notifications.content import AlertNotice
from services.monitor.notifications.pending_store import wake
from services.monitor.notifications.receiver_list import list_receivers
from services.monitor.notifications.receiver_rows import add_receiver, stored_spec
from services.monitor.notifications.signatures import new_secret
from services.monitor.notifications.spec_rules import origin, spec_problems
from shared.database import Database
from shared.errors import Refused
from shared.messages import problem, sentence
from shared.rpc.receivers import MOST_RECEIVERS, ReceiverSpec, ReceiversReply, ReceiversRequest, SavedReceiver
from shared.subjects import Mode

_LOCK = text(
    "SELECT pg_advisory_xact_lock(1701011824, coalesce((SELECT id FROM tenants WHERE tenant_id = :tenant), 0))"
)
"""Changes of one tenant's receivers, or of the mode's, one after the other."""
_TENANT = text("SELECT id FROM tenants WHERE tenant_id = :tenant FOR KEY SHARE")
_OWN = "coalesce(tenant_id, 0) = coalesce((SELECT id FROM tenants WHERE tenant_id = :tenant), 0)"
_COUNT = text(f"SELECT count(*) FROM receivers WHERE {_OWN} AND origin = 'api'")  # noqa: S608 - a constant
_FIND = text(f"SELECT receiver_id, spec FROM receivers WHERE {_OWN} AND name = :name FOR NO KEY UPDATE")  # noqa: S608
"""Without waiting for transactions of alerts and of notifications, which refer to the receiver."""
_EXISTS = text(f"""
    SELECT EXISTS (SELECT FROM receivers WHERE name = :name AND ({_OWN} OR (tenant_id IS NULL AND (
        spec ->> 'tenants' IS NULL OR spec -> 'tenants' @> to_jsonb(CAST(:tenant AS text))
    ))))
""")  # noqa: S608
"""Of the tenant, or of the mode without being for others only."""
_USED_BY = text(f"""
    SELECT name FROM receivers
    WHERE (CAST(:tenant AS text) IS NULL OR {_OWN}) AND spec -> 'escalation' ->> 'receiver' = :name
    ORDER BY name LIMIT 1
""")  # noqa: S608
_CHANGE = text("""
    UPDATE receivers SET spec = CAST(:spec AS jsonb), changed_at = :now WHERE receiver_id = :receiver_id
""")
_CHANGE_SECRETS = text("""
    UPDATE receiver_secrets SET url = coalesce(:url, url),
        authorization_value = coalesce(:authorization, authorization_value) WHERE receiver_id = :receiver_id
""")
_GUARDED_URL = text("""
    SELECT url FROM receiver_secrets WHERE receiver_id = :receiver_id AND authorization_value IS NOT NULL
""")
_RESTART = text("UPDATE receiver_states SET not_before = NULL, tokens = NULL WHERE receiver_id = :receiver_id")
_REMOVE = text("DELETE FROM receivers WHERE receiver_id = :receiver_id")
_ROTATE = text("""
    UPDATE receiver_secrets SET previous = signing, previous_until = :until, signing = :signing
    WHERE receiver_id = :receiver_id
""")


class ReceiverCommands:
    """Those of one mode. Raises Refused, DependencyUnavailable."""

    def __init__(self, mode: Mode, database: Database, now: Now, *, allow_private: bool) -> None:
        self._mode = mode
        self._database = database
        self._now = now
        self._allow_private = allow_private

    async def answer(self, request: ReceiversRequest) -> ReceiversReply:
        """Do what is requested, and list the receivers."""
        secret = notification_id = None
        async with self._database.begin() as connection:
            await self._lock(connection, request.tenant_id)
            if request.create is not None:
                secret = await self._create(connection, request.tenant_id, request.create)
            if request.change is not None:
                await self._change(connection, request.tenant_id, request.change)
            if request.remove is not None:
                await self._remove(connection, request.tenant_id, request.remove)
            if request.rotate is not None:
                secret = await self._rotate(connection, request.tenant_id, request.rotate, request.overlap_minutes)
            if request.test is not None:
                notification_id = await self._test(connection, request.tenant_id, request.test)
            receivers = await list_receivers(connection, request.tenant_id)
        return ReceiversReply(receivers=tuple(receivers), secret=secret, notification_id=notification_id)

    async def _lock(self, connection: AsyncConnection, tenant: str | None) -> None:
        values = {"tenant": tenant}
        if tenant is not None and await connection.scalar(_TENANT, values) is None:
            english = f"there is no tenant {tenant!r}"
            raise Refused(english, code="TENANT_NOT_FOUND", details={"tenant_id": tenant})
        await connection.execute(_LOCK, values)

    async def _create(self, connection: AsyncConnection, tenant: str | None, saved: SavedReceiver) -> str:
        await self._check(connection, tenant, saved, is_new=True)
        if await connection.scalar(_COUNT, {"tenant": tenant}) >= MOST_RECEIVERS:
            english = f"there are {MOST_RECEIVERS} receivers; remove one first"
            raise Refused(english, code="CONFLICT", message_id="too-many-receivers", details={"most": MOST_RECEIVERS})
        secret = await add_receiver(connection, tenant, saved.name, saved.spec)
        if secret is None:
            english = f"there is a receiver {saved.name!r}; change it, or choose another name"
            raise Refused(english, code="CONFLICT", message_id="receiver-exists", details={"receiver": saved.name})
        return secret

    async def _change(self, connection: AsyncConnection, tenant: str | None, saved: SavedReceiver) -> None:
        receiver_id, spec = await self._found(connection, tenant, saved.name)
        if spec.type is not saved.spec.type:
            reason = sentence("receiver-type", "can't change; make another receiver")
            raise _invalid([problem("type", reason)])
        await self._check(connection, tenant, saved, is_new=False)
        await _check_authorization(connection, receiver_id, saved.spec)
        values: dict[str, Any] = {
            "receiver_id": receiver_id,
            "spec": stored_spec(saved.spec),
            "url": saved.spec.url,
            "authorization": saved.spec.authorization,
            "now": self._now(),
        }
        await connection.execute(_CHANGE, values)
        await connection.execute(_CHANGE_SECRETS, values)
        # What waited because of the old address or the old rate is tried at once.
        await connection.execute(_RESTART, values)
        await wake(connection)

    async def _remove(self, connection: AsyncConnection, tenant: str | None, name: str) -> None:
        receiver_id, _ = await self._found(connection, tenant, name)
        used_by = await connection.scalar(_USED_BY, {"tenant": tenant, "name": name})
        if used_by is not None:
            english = f"the receiver {used_by!r} escalates to it; change that one first"
            raise Refused(english, code="CONFLICT", message_id="receiver-in-use", details={"receiver": used_by})
        await connection.execute(_REMOVE, {"receiver_id": receiver_id})

    async def _rotate(self, connection: AsyncConnection, tenant: str | None, name: str, minutes: int) -> str:
        receiver_id, _ = await self._found(connection, tenant, name)
        secret = new_secret()
        until = self._now() + timedelta(minutes=minutes)
        await connection.execute(_ROTATE, {"receiver_id": receiver_id, "signing": secret, "until": until})
        return secret

    async def _test(self, connection: AsyncConnection, tenant: str | None, name: str) -> str:
        receiver_id, _ = await self._found(connection, tenant, name)
        notice = _test_notice(tenant, name, self._now()).model_dump(mode="json")
        now = self._now()
        found = await add_notification(connection, receiver_id, [notice], name=name, mode=self._mode, now=now)
        await wake(connection)
        return found

    async def _check(
        self, connection: AsyncConnection, tenant: str | None, saved: SavedReceiver, *, is_new: bool
    ) -> None:
        rules = {"of_tenant": tenant is not None, "is_new": is_new, "allow_private": self._allow_private}
        found = list(spec_problems(saved.name, saved.spec, **rules))
        escalation = saved.spec.escalation
        if (
            escalation
            and escalation.receiver != saved.name
            and not await connection.scalar(_EXISTS, {"tenant": tenant, "name": escalation.receiver})
        ):
            reason = sentence("receiver-escalation-unknown", "there is no receiver of this name; create it first")
            found.append(problem("escalation.receiver", reason))
        if found:
            # A creation's body has the specification in a field, a change's body is the specification.
            place = "spec." if is_new else ""
            raise _invalid([{**each, "field": place + each["field"]} for each in found])

    async def _found(self, connection: AsyncConnection, tenant: str | None, name: str) -> tuple[str, ReceiverSpec]:
        row = (await connection.execute(_FIND, {"tenant": tenant, "name": name})).one_or_none()
        if row is None:
            raise receiver_not_found(name)
        return row.receiver_id, ReceiverSpec(**row.spec)


def receiver_not_found(name: str) -> Refused:
    """The error of a name that no receiver has."""
    english = f"there is no receiver {name!r}; a list has their names"
    return Refused(english, code="NOT_FOUND", message_id="receiver-not-found", details={"receiver": name})


async def _check_authorization(connection: AsyncConnection, receiver_id: str, spec: ReceiverSpec) -> None:
    """A stored `authorization` is sent to no other server than that for which it was given."""
    if spec.url is None or spec.authorization is not None:
        return
    stored = await connection.scalar(_GUARDED_URL, {"receiver_id": receiver_id})
    if stored is not None and origin(stored) != origin(spec.url):
        english = "is needed again, since `url` leads to another server; or make another receiver"
        raise _invalid([problem("authorization", sentence("receiver-authorization-again", english))])


def _test_notice(tenant: str | None, name: str, now: datetime) -> AlertNotice:
    return AlertNotice(
        alert_id="alert-test",
        fingerprint="0" * 32,
        tenant_id=tenant or "test",
        name="test",
        severity="info",
        status="firing",
        reason="test",
        at=now,
        starts_at=now,
        value=None,
        condition="",
        summary=f"A test of the receiver {name}; nothing is wrong.",
    )


def _invalid(found: list[dict[str, Any]]) -> Refused:
    first = found[0]
    return Refused(f"{first['field']}: {first['message']}", details={"errors": found})
