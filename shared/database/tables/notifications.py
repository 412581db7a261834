"""Receivers, what they were told, and the outbox of their notifications."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Identity, Index, Integer, String, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables.columns import metadata, timestamp

receivers = Table(
    "receivers",
    metadata,
    Column("receiver_id", String(32), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),  # NULL: the mode's
    Column("name", String(63), nullable=False),
    Column("origin", String(10), nullable=False),  # api, or rule for the actions of alert rules
    Column("spec", JSONB, nullable=False),  # without secrets
    timestamp("created_at", nullable=False),
    timestamp("changed_at", nullable=False),
)
Index("receivers_name", func.coalesce(receivers.c.tenant_id, text("0")), receivers.c.name, unique=True)

receiver_secrets = Table(
    "receiver_secrets",
    metadata,
    Column("receiver_id", String(32), ForeignKey("receivers.receiver_id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text),
    Column("authorization_value", Text),
    Column("signing", Text, nullable=False),  # as it is, since signing needs it
    Column("previous", Text),  # after a rotation, signs too until previous_until
    timestamp("previous_until", default=False),
)

receiver_states = Table(
    "receiver_states",
    metadata,
    Column("receiver_id", String(32), ForeignKey("receivers.receiver_id", ondelete="CASCADE"), primary_key=True),
    Column("claimed_by", String(200)),  # the process that sends to it, until claimed_until
    timestamp("claimed_until", default=False),
    timestamp("not_before", default=False),  # after a failure, or where the rate is used up
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("last_error", Text),
    timestamp("last_success_at", default=False),
    Column("tokens", Double),  # of its rate
    timestamp("tokens_at", default=False),
)

notified_alerts = Table(
    "notified_alerts",
    metadata,
    Column("receiver_id", String(32), ForeignKey("receivers.receiver_id", ondelete="CASCADE"), primary_key=True),
    Column("alert_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("notice", JSONB, nullable=False),
    timestamp("repeat_at", default=False),
    timestamp("escalate_at", default=False),
    timestamp("next_at", default=False),  # the earlier of both
    Index("notified_alerts_alert", "alert_id"),
    Index("notified_alerts_tenant", "tenant_id"),
    Index("notified_alerts_next", "next_at"),
)

pending_notices = Table(
    "pending_notices",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("receiver_id", String(32), ForeignKey("receivers.receiver_id", ondelete="CASCADE"), nullable=False),
    Column("alert_id", String(64), nullable=False),
    Column("group_key", Text, nullable=False),
    Column("notice", JSONB, nullable=False),
    timestamp("due_at", nullable=False, default=False),
    timestamp("held_until", default=False),  # the end of its quiet hours
    Index("pending_notices_due", "receiver_id", "due_at"),
    Index("pending_notices_next", "due_at"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("notification_id", String(32), nullable=False, unique=True),
    Column("receiver_id", String(32), ForeignKey("receivers.receiver_id", ondelete="CASCADE"), nullable=False),
    Column("state", String(10), nullable=False, server_default="waiting"),  # waiting, sent, dead
    Column("content", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reason", Text),  # why the last attempt failed
    timestamp("created_at", nullable=False, default=False),
    timestamp("waits_since", nullable=False, default=False),  # created_at, or when it was replayed
    timestamp("ended_at", default=False),
    Index("notifications_state", "receiver_id", "state", "seq"),
    Index("notifications_ended_at", "ended_at"),
)
