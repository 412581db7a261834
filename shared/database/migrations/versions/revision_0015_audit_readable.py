"""Rows of the audit trail that the gateway could not read are refused.

Anyone with a service's password may add rows. One with an unknown outcome or a time outside of the calendar would make
every list and export with it fail, and so hide the rows around it. The table is of the same release, thus still small.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
ALTER TABLE audit_events ADD CONSTRAINT audit_events_readable CHECK (
    outcome IN ('done', 'requested', 'refused', 'failed')
    AND repeats > 0
    AND (first_at IS NULL OR first_at BETWEEN '2000-01-01' AND '9999-01-01')
)
"""
    )


def downgrade() -> None:
    op.execute("ALTER TABLE audit_events DROP CONSTRAINT audit_events_readable")
