"""Tenants, and their deployments."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
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

tenants = Table(
    "tenants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(100), nullable=False, unique=True),
    Column("name", String(200)),
    Column("preset", String(20), nullable=False),
    Column("is_demo", Boolean, server_default=text("false")),
    Column("status", String(20), server_default="pending"),
    Column("service_requirements", JSONB, nullable=False),
    Column("resources", JSONB, nullable=False),
    Column("sla_target", JSONB, nullable=False),
    Column("cpu_limit", String(50)),
    Column("memory_limit", String(50)),
    Column("gpu_limit", Integer),
    Column("storage_limit", String(50)),
    Column("gpu_type", String(50)),
    timestamp("created_at"),
    timestamp("updated_at"),
    # From here on ours; each has a default, so that the guides' INSERT works.
    Column("description", Text),
    Column("requested_preset", String(20)),  # NULL: the calculator's recommendation
    Column("requested_gpu_type", String(50)),
    Column("sizing", JSONB),  # the whole of it; NULL: inserted by hand and not sized yet
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("generation", BigInteger, nullable=False, server_default="0"),  # of the latest operation; 0: none
    Column("target", String(63)),  # NULL: never deployed
    Column("options", JSONB),
    Column("service_options", JSONB),  # what was chosen for single services; NULL: nothing
    Column("cluster_options", JSONB),
    Column("sla", JSONB),  # the latest sla.reported
    timestamp("sla_time", default=False),
)
Index("tenants_newest_first", tenants.c.created_at.desc(), tenants.c.id.desc())

services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("service_name", String(100), nullable=False),
    Column("service_type", String(50), nullable=False, server_default="ai_service"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("count", Integer, nullable=False),  # concurrent sessions
    Column("image", String(500), nullable=False),
    Column("resources", JSONB, nullable=False),
    UniqueConstraint("tenant_id", "service_name"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("deployment_id", String(64), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("operation", String(20), nullable=False, server_default="deploy"),
    Column("generation", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("target", String(63), nullable=False),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("phase", String(40), nullable=False),
    Column("progress", SmallInteger, nullable=False, server_default="0"),
    Column("message", Text, nullable=False, server_default=""),
    Column("error_code", String(50)),
    Column("options", JSONB, nullable=False),
    Column("resources", JSONB, nullable=False, server_default="[]"),
    Column("digest", String(100)),
    Column("correlation_id", String(200), nullable=False),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),  # the stream's, of the last event applied
    timestamp("last_time", default=False),  # the stream's, of the newest event applied
    Column("request", JSONB),  # the event that asked for it, to be published again if it or its effects get lost
    Column("repeats", SmallInteger, nullable=False, server_default="0"),  # how often it was published again
    # When that is due at the earliest: -infinity after a loss that was noticed, NULL if something was heard since.
    timestamp("repeat_at", default=False),
    timestamp("created_at", nullable=False),
    timestamp("updated_at", nullable=False),
    timestamp("started_at", default=False),
    timestamp("finished_at", default=False),
    Column("drift", JSONB),  # what deploy.drifted reported last; NULL: nothing yet
    UniqueConstraint("tenant_id", "generation"),
)
Index(
    "deployments_open",
    deployments.c.updated_at,
    postgresql_where=text("status IN ('pending', 'deploying')"),
)
Index("deployments_repeat_at", deployments.c.repeat_at, postgresql_where=deployments.c.repeat_at.is_not(None))

deployment_events = Table(
    "deployment_events",
    metadata,
    # Not by the sequence alone: a stream that is made again, or lost its end, gives the same numbers to other events.
    Column("deployment_id", ForeignKey("deployments.deployment_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("event_id", String(200), nullable=False),
    Column("subject", String(60), nullable=False),
    Column("time", DateTime(timezone=True), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("phase", String(40)),
    Column("progress", SmallInteger),
    Column("level", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("error_code", String(50)),
    Column("resources", JSONB),
    Column("correlation_id", String(200), nullable=False),
    Index("deployment_events_time", "time"),
)

deployment_reports = Table(
    "deployment_reports",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    # NULL: the tenant had no deployment of ours.
    Column("deployment_id", String(64), ForeignKey("deployments.deployment_id", ondelete="CASCADE")),
    Column("status", String(20), nullable=False),
    timestamp("deployed_at", default=False),
    timestamp("received_at", nullable=False),
    Column("correlation_id", String(200), nullable=False),
    Index("deployment_reports_latest", "tenant_id", "deployment_id", "id"),
    Index("deployment_reports_deployment", "deployment_id"),
)

operation_durations = Table(
    "operation_durations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("target", String(63), nullable=False),
    Column("operation", String(20), nullable=False),  # deploy, or update for that of a running tenant; stop, ...
    Column("pods", Integer, nullable=False),
    Column("seconds", Double, nullable=False),  # from the request to the end
    timestamp("ended_at", nullable=False),
    Index("operation_durations_latest", "target", "operation", "id"),
)

tenant_generations = Table(
    "tenant_generations",
    metadata,
    Column("tenant_id", String(100), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
