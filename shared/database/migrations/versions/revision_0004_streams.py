"""What a lost stream needs: requests to publish again, the time of a status, and where each stream was last seen.

A sequence of a stream that lost its end, or was made again, names another event, so the log's key gets the time.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UP = (
    """
ALTER TABLE deployments
    ADD COLUMN last_time TIMESTAMP WITH TIME ZONE,
    ADD COLUMN request JSONB,
    ADD COLUMN repeats SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN repeat_at TIMESTAMP WITH TIME ZONE
""",
    "CREATE INDEX deployments_repeat_at ON deployments (repeat_at) WHERE repeat_at IS NOT NULL",
    "CREATE INDEX deployments_open ON deployments (updated_at) WHERE status IN ('pending', 'deploying')",
    """
ALTER TABLE deployment_events
    DROP CONSTRAINT deployment_events_pkey,
    ADD CONSTRAINT deployment_events_pkey PRIMARY KEY (deployment_id, seq, time)
""",
    """
CREATE TABLE stream_positions (
    name VARCHAR(100) PRIMARY KEY,
    created TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seq BIGINT NOT NULL
)
""",
)
# Of two events with one number the later one stays.
_DOWN = (
    "DROP TABLE stream_positions",
    """
DELETE FROM deployment_events AS earlier USING deployment_events AS later
WHERE earlier.deployment_id = later.deployment_id AND earlier.seq = later.seq AND earlier.time < later.time
""",
    """
ALTER TABLE deployment_events
    DROP CONSTRAINT deployment_events_pkey,
    ADD CONSTRAINT deployment_events_pkey PRIMARY KEY (deployment_id, seq)
""",
    "DROP INDEX deployments_open",
    """
ALTER TABLE deployments
    DROP COLUMN last_time, DROP COLUMN request, DROP COLUMN repeats, DROP COLUMN repeat_at
""",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
