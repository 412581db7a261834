"""What a tenant chooses for its services and its cluster. NULL: nothing, as in rows inserted by hand.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE tenants ADD COLUMN service_options JSONB, ADD COLUMN cluster_options JSONB")


def downgrade() -> None:
    op.execute("ALTER TABLE tenants DROP COLUMN service_options, DROP COLUMN cluster_options")
