"""What makes each request and event act once: the outboxes, positions in streams, first answers."""

from sqlalchemy import BigInteger, Column, Identity, Index, LargeBinary, String, Table
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables.columns import metadata, timestamp


def _outbox(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("subject", String(200), nullable=False),  # with its mode
        Column("body", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        timestamp("created_at", nullable=False),
    )


outbox = _outbox("outbox")

monitor_outbox = _outbox("monitor_outbox")

stream_positions = Table(
    "stream_positions",
    metadata,
    Column("name", String(100), primary_key=True),
    timestamp("created", nullable=False, default=False),
    Column("last_seq", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", String(300), primary_key=True),  # the call, e.g. `POST /tenants/`
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the body
    Column("answer", JSONB),
    timestamp("created_at", nullable=False),
    Index("idempotency_keys_created_at", "created_at"),
)
