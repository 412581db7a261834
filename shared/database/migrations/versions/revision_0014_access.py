"""Which callers may see a tenant, besides those whose token or key names it.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
CREATE TABLE tenant_access (
    kind VARCHAR(10) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    granted_by VARCHAR(300) NOT NULL,
    granted_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (kind, subject, tenant_id)
)
""",
    "CREATE INDEX tenant_access_tenant ON tenant_access (tenant_id)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE tenant_access")
