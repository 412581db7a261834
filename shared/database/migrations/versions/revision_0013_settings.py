"""The versions of a mode's settings. Rows are only added: the settings in effect are those of the highest version.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
CREATE TABLE settings_versions (
    version BIGINT PRIMARY KEY,
    content JSONB NOT NULL,
    changed_by VARCHAR(255) NOT NULL,
    request_id VARCHAR(200) NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE settings_versions")
