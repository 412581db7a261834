"""The audit trail, and its chain of digests."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    func,
    text,
)

from shared.database.tables.columns import metadata, timestamp

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
    timestamp("first_at", default=False),  # of the first of them; NULL: one call
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
