"""Restarts of tenants that were reported as down."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, String, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables.columns import metadata, timestamp

recoveries = Table(
    "recoveries",
    metadata,
    Column("recovery_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String(20), nullable=False),
    timestamp("due_at", nullable=False, default=False),
    Column("restarts", ARRAY(DateTime(timezone=True)), nullable=False, server_default=text("'{}'")),
    Column("looks", Integer, nullable=False, server_default="0"),
    timestamp("asked_at", default=False),
    Column("deployment_id", String(64)),  # of the last restart
    Column("is_deploying", Boolean, nullable=False, server_default=text("false")),
    Column("reason", Text),
    Column("reason_message", JSONB),
    timestamp("opened_at", nullable=False, default=False),
    timestamp("ended_at", default=False),
    Index("recoveries_tenant", "tenant_id", "opened_at"),
)
Index("recoveries_open", recoveries.c.tenant_id, unique=True, postgresql_where=recoveries.c.ended_at.is_(None))
