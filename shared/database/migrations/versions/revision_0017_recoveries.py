"""Recoveries of tenants that were reported as down.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
CREATE TABLE recoveries (
    recovery_id VARCHAR(64) PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    stage VARCHAR(20) NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    restarts TIMESTAMP WITH TIME ZONE[] NOT NULL DEFAULT '{}',
    looks INTEGER NOT NULL DEFAULT 0,
    asked_at TIMESTAMP WITH TIME ZONE,
    deployment_id VARCHAR(64),
    is_deploying BOOLEAN NOT NULL DEFAULT false,
    reason TEXT,
    reason_message JSONB,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT recoveries_stage CHECK (stage IN ('restart', 'watch', 'escalated', 'recovered', 'closed'))
)
""",
    "CREATE UNIQUE INDEX recoveries_open ON recoveries (tenant_id) WHERE ended_at IS NULL",
    "CREATE INDEX recoveries_tenant ON recoveries (tenant_id, opened_at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE recoveries")
