"""A function that refreshes the planner's statistics with the owner's rights: the monitor's role owns no table.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

import sqlalchemy
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# ANALYZE of the partitioned table includes all of its partitions; autovacuum never analyzes the table as a whole.
_FUNCTION = """
CREATE FUNCTION refresh_statistics() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '10s' AS $$
BEGIN
    ANALYZE {schema}.tenants, {schema}.services, {schema}.deployments;
    ANALYZE {schema}.availability_runs, {schema}.monitoring_rollups;
    ANALYZE {schema}.monitoring_data;
END
$$
"""


def upgrade() -> None:
    schema = op.get_bind().scalar(sqlalchemy.text("SELECT quote_ident(current_schema())"))
    op.execute(sqlalchemy.text(_FUNCTION.replace("{schema}", str(schema)).replace(":", r"\:")))
    op.execute("REVOKE EXECUTE ON FUNCTION refresh_statistics() FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION refresh_statistics()")
