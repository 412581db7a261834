"""Functions that make and drop partitions with the owner's rights: the monitor's role owns no table.

The statements are written out and import nothing of ours: a released revision must do the same for ever.
"""

import sqlalchemy
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    """
CREATE FUNCTION make_monitoring_partition(name text, first date, next date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE {schema}.%I PARTITION OF {schema}.monitoring_data FOR VALUES FROM (%L) TO (%L)',
        name, to_char(first, 'YYYY-MM-DD') || ' 00:00+00', to_char(next, 'YYYY-MM-DD') || ' 00:00+00'
    );
END
$$
""",
    # Nothing but a partition of this table, and none in which a tenant still has rows.
    """
CREATE FUNCTION drop_monitoring_partition(name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    used boolean;
BEGIN
    PERFORM 1 FROM pg_inherits
    WHERE inhparent = '{schema}.monitoring_data'::regclass
        AND inhrelid = to_regclass(format('{schema}.%I', name));
    IF NOT FOUND THEN
        RAISE wrong_object_type USING MESSAGE = format('%I is no partition of monitoring_data', name);
    END IF;
    EXECUTE format('LOCK TABLE {schema}.%I IN ACCESS EXCLUSIVE MODE', name);
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM {schema}.%I WHERE tenant_id IS NOT NULL)', name) INTO used;
    IF NOT used THEN
        EXECUTE format('DROP TABLE {schema}.%I', name);
    END IF;
    RETURN NOT used;
END
$$
""",
    "REVOKE EXECUTE ON FUNCTION make_monitoring_partition(text, date, date) FROM PUBLIC",
    "REVOKE EXECUTE ON FUNCTION drop_monitoring_partition(text) FROM PUBLIC",
)


def upgrade() -> None:
    schema = op.get_bind().scalar(sqlalchemy.text("SELECT quote_ident(current_schema())"))
    for statement in _FUNCTIONS:
        op.execute(sqlalchemy.text(statement.replace("{schema}", str(schema)).replace(":", r"\:")))


def downgrade() -> None:
    op.execute("DROP FUNCTION drop_monitoring_partition(text)")
    op.execute("DROP FUNCTION make_monitoring_partition(text, date, date)")
