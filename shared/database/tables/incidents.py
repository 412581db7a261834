"""Incidents with their alerts and timelines, silences, and maintenance that repeats. The monitor writes them."""

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
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables.columns import metadata, timestamp

incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("causes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("title", Text, nullable=False),
    Column("title_message", JSONB(none_as_null=True)),  # NULL: a person's text
    Column("title_scope", SmallInteger, nullable=False, server_default="0"),
    Column("severity", String(10), nullable=False),
    Column("worst", String(10), nullable=False),  # of its alerts so far
    Column("severity_by", String(255)),  # NULL: it is that of its alerts
    Column("status", String(20), nullable=False),
    timestamp("opened_at", nullable=False, default=False),
    Column("opened_by", String(255), nullable=False),
    timestamp("changed_at", nullable=False, default=False),
    timestamp("acknowledged_at", default=False),
    Column("acknowledged_by", String(255)),
    timestamp("first_acknowledged_at", default=False),
    Column("assignee", String(255)),
    timestamp("closed_at", default=False),
    Column("closed_by", String(255)),  # NULL: by itself
    Column("merged_into", String(64)),
    Column("alert_entries", Integer, nullable=False, server_default="0"),
    Column("request_id", String(100), unique=True),
    Index("incidents_closed", "tenant_id", "closed_at"),
)
Index("incidents_open", incidents.c.tenant_id, postgresql_where=incidents.c.status != "closed")
Index("incidents_newest", incidents.c.opened_at.desc(), incidents.c.incident_id.desc())

incident_alerts = Table(
    "incident_alerts",
    metadata,
    Column("incident_id", String(64), ForeignKey("incidents.incident_id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("alert_id", String(64), nullable=False),  # of its last firing
    Column("name", String(100), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("type", String(50), nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("condition", Text, nullable=False),
    Column("value", Double),
    Column("summary", Text, nullable=False),
    Column("summary_message", JSONB(none_as_null=True)),
    Column("runbook", Text),
    timestamp("first_at", nullable=False, default=False),
    timestamp("fired_at", nullable=False, default=False),
    timestamp("resolved_at", default=False),
    Column("firings", Integer, nullable=False),
    Column("muted_by", Text),
    Column("inhibited_by", Text),
)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("incident_id", String(64), ForeignKey("incidents.incident_id", ondelete="CASCADE"), nullable=False),
    timestamp("at", nullable=False, default=False),
    Column("kind", String(20), nullable=False),
    Column("author", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Column("message", JSONB(none_as_null=True)),
    Column("fingerprint", String(64)),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Column("request_id", String(100), unique=True),
    Index("incident_entries_timeline", "incident_id", "at", "id"),
)

silences = Table(
    "silences",
    metadata,
    Column("silence_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("matchers", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", String(255), nullable=False),
    timestamp("created_at", nullable=False, default=False),
    timestamp("starts_at", nullable=False, default=False),
    timestamp("ends_at", default=False),  # NULL: it repeats until it is ended
    Column("ended_by", String(255)),
    Column("recurrence", JSONB(none_as_null=True)),
    Column("request_id", String(100), unique=True),
    Index("silences_tenant", "tenant_id", "ends_at"),
)

recurring_maintenance = Table(
    "recurring_maintenance",
    metadata,
    Column("recurring_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("recurrence", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", String(255), nullable=False),
    timestamp("created_at", nullable=False, default=False),
    timestamp("announced_until", nullable=False, default=False),
    Column("request_id", String(100), unique=True),
    Index("recurring_maintenance_tenant", "tenant_id"),
)
