"""What has drifted of a deployment since it was done.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE deployments ADD COLUMN drift JSONB")


def downgrade() -> None:
    op.execute("ALTER TABLE deployments DROP COLUMN drift")
