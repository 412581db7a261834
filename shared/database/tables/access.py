"""Who may do what, and what users set."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables.columns import metadata, timestamp

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(20), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("tenants", JSONB(none_as_null=True)),  # NULL: every tenant
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the key
    Column("previous_digest", LargeBinary),  # after a rotation, valid until previous_until
    timestamp("previous_until", default=False),
    timestamp("created_at", nullable=False),
    Column("created_by", String(200), nullable=False),
    timestamp("expires_at", nullable=False, default=False),
    timestamp("last_used_at", default=False),
)

socket_tickets = Table(
    "socket_tickets",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the ticket
    Column("subject", String(300), nullable=False),
    Column("caller", JSONB, nullable=False),
    timestamp("expires_at", nullable=False, default=False),
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
    timestamp("granted_at", nullable=False),
    Index("tenant_access_tenant", "tenant_id"),
)

settings_versions = Table(
    "settings_versions",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("content", JSONB, nullable=False),
    Column("changed_by", String(255), nullable=False),
    Column("request_id", String(200), nullable=False),
    timestamp("changed_at", nullable=False),
)
