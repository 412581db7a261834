"""The tables, as SQLAlchemy Core knows them. Names and columns are the guides', so that their own SQL runs.

    tenants ─┬─ services              what a tenant consists of
             ├─ deployments ── deployment_events, deployment_reports
             └─ monitoring_data       partitioned by month, without a default partition
    operation_durations               how long the last operations on each target took
    tenant_generations                outlives its tenant: generations never start again
    availability_samples ─▶ availability_runs       a queue, and the times that a tenant was up or down
    monitoring_rollups                means and maxima by minute, 5 minutes and hour
    maintenance_windows               planned, and no downtime
    monitoring_progress               how far the monitor has come
    outbox                            events that are part of a transaction, until NATS has them
    stream_positions                  where each stream was last seen, to notice one that lost its end
    idempotency_keys                  first answers
    api_keys                          keys of machines, with hashes instead of secrets
    socket_tickets                    what opens a WebSocket once, for 30 s
    audit_events                      who did what; services only add rows, functions of the owner seal and remove them
    audit_unsealed ─▶ audit_seals     a queue, and the chain of digests; audit_chain has its end
    settings_versions                 each version of the settings that users change over REST
    tenant_access                     the callers that a tenant was given to; ends with its tenant
    alert_rules                       a tenant's own rules, and its changes of the standard ones
    alerts                            each firing of an alert, from its pending time until it is resolved and after
    alert_positions                   how far the evaluation of each shard has read the samples
    monitor_outbox                    events of the monitor that are part of a transaction, until NATS has them

The gateway writes all but what measures and alerts (`monitoring_*`, `availability_*`, `maintenance_windows`, `alert*`),
which is the monitor's. What creates them is `migrations/`; a test shows that both agree.
"""

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
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

_NOW = func.current_timestamp()


def _timestamp(name: str, *, nullable: bool = True, default: bool = True) -> Column[object]:
    server_default = _NOW if default else None
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=server_default)


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
    _timestamp("created_at"),
    _timestamp("updated_at"),
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
    _timestamp("sla_time", default=False),
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
    _timestamp("last_time", default=False),  # the stream's, of the newest event applied
    Column("request", JSONB),  # the event that asked for it, to be published again if it or its effects get lost
    Column("repeats", SmallInteger, nullable=False, server_default="0"),  # how often it was published again
    # When that is due at the earliest: -infinity after a loss that was noticed, NULL if something was heard since.
    _timestamp("repeat_at", default=False),
    _timestamp("created_at", nullable=False),
    _timestamp("updated_at", nullable=False),
    _timestamp("started_at", default=False),
    _timestamp("finished_at", default=False),
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
    _timestamp("deployed_at", default=False),
    _timestamp("received_at", nullable=False),
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
    _timestamp("ended_at", nullable=False),
    Index("operation_durations_latest", "target", "operation", "id"),
)

tenant_generations = Table(
    "tenant_generations",
    metadata,
    Column("tenant_id", String(100), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("subject", String(200), nullable=False),  # with its mode
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    _timestamp("created_at", nullable=False),
)

stream_positions = Table(
    "stream_positions",
    metadata,
    Column("name", String(100), primary_key=True),
    _timestamp("created", nullable=False, default=False),
    Column("last_seq", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", String(300), primary_key=True),  # the call, e.g. `POST /tenants/`
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the body
    Column("answer", JSONB),
    _timestamp("created_at", nullable=False),
    Index("idempotency_keys_created_at", "created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(20), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("tenants", JSONB(none_as_null=True)),  # NULL: every tenant
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the key
    Column("previous_digest", LargeBinary),  # after a rotation, valid until previous_until
    _timestamp("previous_until", default=False),
    _timestamp("created_at", nullable=False),
    Column("created_by", String(200), nullable=False),
    _timestamp("expires_at", nullable=False, default=False),
    _timestamp("last_used_at", default=False),
)

socket_tickets = Table(
    "socket_tickets",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the ticket
    Column("subject", String(300), nullable=False),
    Column("caller", JSONB, nullable=False),
    _timestamp("expires_at", nullable=False, default=False),
    Index("socket_tickets_expires_at", "expires_at"),
    Index("socket_tickets_subject", "subject", "expires_at"),
)

tenant_access = Table(
    "tenant_access",
    metadata,
    Column("kind", String(10), primary_key=True),  # person, key or system: their subjects may be the same
    Column("subject", String(255), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("granted_by", String(300), nullable=False),
    _timestamp("granted_at", nullable=False),
    Index("tenant_access_tenant", "tenant_id"),
)

monitoring_data = Table(
    "monitoring_data",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),
    Column("metric_type", String(50), nullable=False),
    Column("metric_name", String(100), nullable=False),
    Column("metric_value", Numeric, nullable=False),
    Column("timestamp", DateTime(timezone=True), server_default=_NOW, primary_key=True),
    Column("data_source", String(50)),  # NULL: inserted by hand, as the guides do
    Index("monitoring_data_tenant_time", "tenant_id", text("timestamp DESC")),
    # No sample twice. NULLs are distinct: two rows by hand in one transaction share CURRENT_TIMESTAMP.
    Index(
        "monitoring_data_once",
        "tenant_id",
        "metric_type",
        "metric_name",
        "data_source",
        "timestamp",
        unique=True,
    ),
    postgresql_partition_by="RANGE (timestamp)",
)

availability_samples = Table(
    "availability_samples",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("service", String(100), nullable=False, server_default=""),  # '': the tenant as a whole
    _timestamp("time", nullable=False, default=False),
    Column("up", Boolean, nullable=False),
)

availability_runs = Table(
    "availability_runs",
    metadata,
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("service", String(100), primary_key=True, server_default=""),
    Column("began", DateTime(timezone=True), primary_key=True),
    _timestamp("ended", nullable=False, default=False),
    Column("up", Boolean, nullable=False),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),  # NULL: every tenant
    _timestamp("began", nullable=False, default=False),
    _timestamp("ended", nullable=False, default=False),
    Column("reason", Text, nullable=False, server_default=""),
    _timestamp("created_at", nullable=False),
)

monitoring_rollups = Table(
    "monitoring_rollups",
    metadata,
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("metric_type", String(50), primary_key=True),
    Column("metric_name", String(100), primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("final", Boolean, nullable=False, server_default=text("false")),  # its samples are gone
    Column("mean", Double, nullable=False),
    Column("highest", Double, nullable=False),
    Column("samples", Integer, nullable=False),
    # The parts of the hour in which something was measured: their numbers, means, maxima and counts.
    Column("fives", ARRAY(SmallInteger), nullable=False),
    Column("five_means", ARRAY(Double), nullable=False),
    Column("five_highs", ARRAY(Double), nullable=False),
    Column("five_samples", ARRAY(Integer), nullable=False),
    Column("minutes", ARRAY(SmallInteger), nullable=False),
    Column("minute_means", ARRAY(Double), nullable=False),
    Column("minute_highs", ARRAY(Double), nullable=False),
    Column("minute_samples", ARRAY(Integer), nullable=False),
    Column("kept", Boolean, primary_key=True, server_default=text("false")),  # others' samples, which stay
    # By tenant and hour, as it is asked for; the columns' own order is that of the first migration.
    PrimaryKeyConstraint("tenant_id", "hour", "metric_type", "metric_name", "kept"),
    Index("monitoring_rollups_hour", "hour"),
)

monitoring_progress = Table(
    "monitoring_progress",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("position", BigInteger, nullable=False),  # an id of monitoring_data
    _timestamp("rolled_until", nullable=False, default=False),
)

audit_events = Table(
    "audit_events",
    metadata,
    # Always given by PostgreSQL, as the time and the role: services have no right to choose these columns.
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("recorded_by", String(63), nullable=False, server_default=text("CURRENT_USER")),
    Column("operation", String(100), nullable=False),  # the id of the operation in the OpenAPI document
    Column("outcome", String(10), nullable=False),
    Column("code", String(50)),  # of the error
    Column("tenant_id", String(100)),  # as text: the trail outlives its tenants
    Column("deployment_id", String(64)),
    Column("object_id", String(200)),  # what else it concerns: a key, a version of the settings
    Column("subject", String(255), nullable=False),  # of the caller, as the next three
    Column("kind", String(10), nullable=False),
    Column("role", String(20)),
    Column("email", String(255)),
    Column("address", String(64)),
    Column("user_agent", String(200)),
    Column("request_id", String(200), nullable=False),
    Column("repeats", Integer, nullable=False, server_default="1"),  # calls that the row stands for
    _timestamp("first_at", default=False),  # of the first of them; NULL: one call
    Column("before", Text),  # JSON as it was written, since its digest is that of the text
    Column("after", Text),
)
Index(
    "audit_events_tenant",
    audit_events.c.tenant_id,
    audit_events.c.id,
    postgresql_where=audit_events.c.tenant_id.is_not(None),
)
Index("audit_events_subject", audit_events.c.subject, audit_events.c.id)
Index("audit_events_request", audit_events.c.request_id)
Index("audit_events_recorded_at", audit_events.c.recorded_at)

audit_unsealed = Table(
    "audit_unsealed",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3, ... without a gap
    Column("event_id", BigInteger, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the digest before it and the row
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("position", BigInteger, nullable=False),  # of the last seal; 0: none
    Column("digest", LargeBinary, nullable=False),
    Column("anchor", BigInteger, nullable=False),  # the position up to which retention has removed the rows
    Column("keep_days", Integer, nullable=False),
)

settings_versions = Table(
    "settings_versions",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("content", JSONB, nullable=False),
    Column("changed_by", String(255), nullable=False),
    Column("request_id", String(200), nullable=False),
    _timestamp("changed_at", nullable=False),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("rule", JSONB, nullable=False),  # a standard rule that was switched off has `enabled` false
    _timestamp("created_at", nullable=False),
    _timestamp("updated_at", nullable=False),
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
    _timestamp("began", nullable=False, default=False),  # the condition holds since
    _timestamp("fired_at", default=False),
    _timestamp("resolved_at", default=False),
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
    _timestamp("stream_created", nullable=False, default=False),
    Column("sequence", BigInteger, nullable=False),
)

monitor_outbox = Table(
    "monitor_outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("subject", String(200), nullable=False),  # with its mode
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    _timestamp("created_at", nullable=False),
)
