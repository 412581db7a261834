"""Rows of `receivers` and `receiver_secrets`."""

import secrets
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.notifications.signatures import new_secret
from shared.rpc.receivers import ReceiverSpec

_COLUMNS = """
    SELECT r.receiver_id, t.tenant_id AS tenant, r.name, r.origin, r.spec, k.url
    FROM receivers r JOIN receiver_secrets k USING (receiver_id) LEFT JOIN tenants t ON t.id = r.tenant_id
"""
_FOR_TENANTS = text(f"""{_COLUMNS}
    WHERE r.tenant_id IS NULL OR t.tenant_id = ANY(:tenants)
    ORDER BY r.receiver_id FOR KEY SHARE OF r
""")
_NAMED = text(f"""{_COLUMNS}
    WHERE r.name = :name AND (r.tenant_id IS NULL OR t.tenant_id = :tenant)
    ORDER BY r.tenant_id NULLS LAST LIMIT 1 FOR KEY SHARE OF r
""")
_ADD = text("""
    INSERT INTO receivers (receiver_id, tenant_id, name, origin, spec)
    SELECT :receiver_id, t.id, :name, :origin, CAST(:spec AS jsonb)
    FROM (SELECT CAST(:tenant AS text) AS wanted) w LEFT JOIN tenants t ON t.tenant_id = w.wanted
    WHERE w.wanted IS NULL OR t.id IS NOT NULL
    ON CONFLICT DO NOTHING
""")
_ADD_SECRETS = text("""
    INSERT INTO receiver_secrets (receiver_id, url, authorization_value, signing)
    VALUES (:receiver_id, :url, :authorization, :signing)
""")
_ADD_STATE = text("INSERT INTO receiver_states (receiver_id) VALUES (:receiver_id)")
SECRET_FIELDS = {"url", "authorization"}
"""Those of a specification that are stored apart, and never shown."""


class StoredReceiver(NamedTuple):
    """A receiver, with its URL and without its other secrets."""

    receiver_id: str
    tenant_id: str | None
    name: str
    origin: str
    spec: ReceiverSpec
    url: str | None

    def __repr__(self) -> str:
        """Without the URL."""
        return f"StoredReceiver({self.receiver_id!r}, {self.tenant_id!r}, {self.name!r})"


async def receivers_of(connection: AsyncConnection, tenants: Collection[str]) -> Sequence[StoredReceiver]:
    """The receivers of the mode and of `tenants`, locked against removal until the transaction ends."""
    found = await connection.execute(_FOR_TENANTS, {"tenants": list(tenants)})
    return [_stored(row) for row in found]


async def receiver_named(connection: AsyncConnection, tenant: str | None, name: str) -> StoredReceiver | None:
    """The receiver of a tenant, or of the mode where the tenant has none of this name; locked against removal."""
    row = (await connection.execute(_NAMED, {"tenant": tenant, "name": name})).one_or_none()
    return None if row is None else _stored(row)


async def add_receiver(
    connection: AsyncConnection, tenant: str | None, name: str, spec: ReceiverSpec, *, origin: str = "api"
) -> str | None:
    """Add a receiver with a new signing secret, which is returned; None if the name is in use or the tenant gone."""
    values: dict[str, Any] = {
        "receiver_id": f"rcv-{secrets.token_hex(6)}",
        "tenant": tenant,
        "name": name,
        "origin": origin,
        "spec": stored_spec(spec),
        "url": spec.url,
        "authorization": spec.authorization,
        "signing": new_secret(),
    }
    if not (await connection.execute(_ADD, values)).rowcount:
        return None
    await connection.execute(_ADD_SECRETS, values)
    await connection.execute(_ADD_STATE, values)
    return str(values["signing"])


def stored_spec(spec: ReceiverSpec) -> str:
    """The JSON of a specification without its secrets."""
    return spec.model_dump_json(exclude=SECRET_FIELDS)


def _stored(row: Row[Any]) -> StoredReceiver:
    return StoredReceiver(row.receiver_id, row.tenant, row.name, row.origin, ReceiverSpec(**row.spec), row.url)
