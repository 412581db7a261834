"""API keys of machines, and the single-use tickets of WebSockets. Both have hashes only, and no secret.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = (
    """
CREATE TABLE api_keys (
    key_id VARCHAR(20) PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    role VARCHAR(20) NOT NULL,
    tenants JSONB,
    digest BYTEA NOT NULL,
    previous_digest BYTEA,
    previous_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by VARCHAR(200) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE
)
""",
    """
CREATE TABLE socket_tickets (
    digest BYTEA PRIMARY KEY,
    subject VARCHAR(300) NOT NULL,
    caller JSONB NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL
)
""",
    "CREATE INDEX socket_tickets_expires_at ON socket_tickets (expires_at)",
    "CREATE INDEX socket_tickets_subject ON socket_tickets (subject, expires_at)",
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE socket_tickets")
    op.execute("DROP TABLE api_keys")
