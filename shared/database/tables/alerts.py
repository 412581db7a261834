"""Rules of alerts, alerts, and how far they were evaluated."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables.columns import metadata, timestamp

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("rule", JSONB, nullable=False),  # a standard rule that was switched off has `enabled` false
    timestamp("created_at", nullable=False),
    timestamp("updated_at", nullable=False),
    UniqueConstraint("tenant_id", "name", name="alert_rules_once"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),  # NULL: of no tenant
    Column("name", String(100), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("labels", JSONB, nullable=False, server_default=text("'{}'")),
    Column("severity", String(10), nullable=False),
    Column("type", String(50), nullable=False),
    Column("state", String(10), nullable=False),
    Column("condition", Text, nullable=False),
    Column("metric", String(100), nullable=False, server_default=""),
    Column("value", Double),
    Column("threshold", Double),
    Column("summary", Text, nullable=False),
    Column("summary_message", JSONB(none_as_null=True)),
    Column("runbook", Text),
    Column("actions", JSONB, nullable=False, server_default=text("'[]'")),
    Column("source", String(100), nullable=False, server_default="rule"),
    timestamp("began", nullable=False, default=False),  # the condition holds since
    timestamp("fired_at", default=False),
    timestamp("resolved_at", default=False),
    Column("muted_by", Text),
    Column("inhibited_by", Text),  # a fingerprint
    Column("incident_id", Text),
    Index("alerts_tenant", "tenant_id", "fired_at"),
    Index("alerts_fingerprint", "fingerprint", "began"),
    Index("alerts_resolved", "resolved_at"),
)
Index("alerts_active", alerts.c.tenant_id, postgresql_where=alerts.c.state != "resolved")

alert_positions = Table(
    "alert_positions",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    timestamp("evaluated_until", nullable=False, default=False),  # when the stream stored the last evaluated samples
)
