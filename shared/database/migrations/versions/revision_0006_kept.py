"""Rollups of samples that stay (others' samples) beside those of samples that are removed, each in rows of its own.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = """
ALTER TABLE monitoring_rollups
    DROP CONSTRAINT monitoring_rollups_pkey,
    ADD CONSTRAINT monitoring_rollups_pkey PRIMARY KEY ({columns})
"""


def upgrade() -> None:
    op.execute("ALTER TABLE monitoring_rollups ADD COLUMN kept BOOLEAN NOT NULL DEFAULT false")
    op.execute(_KEY.format(columns="tenant_id, hour, metric_type, metric_name, kept"))


def downgrade() -> None:
    op.execute("DELETE FROM monitoring_rollups WHERE kept")
    op.execute(_KEY.format(columns="tenant_id, hour, metric_type, metric_name"))
    op.execute("ALTER TABLE monitoring_rollups DROP COLUMN kept")
