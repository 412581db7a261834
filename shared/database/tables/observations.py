"""What the monitor measures, and what is planned."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.database.tables.columns import NOW, metadata, timestamp

monitoring_data = Table(
    "monitoring_data",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),
    Column("metric_type", String(50), nullable=False),
    Column("metric_name", String(100), nullable=False),
    Column("metric_value", Numeric, nullable=False),
    Column("timestamp", DateTime(timezone=True), server_default=NOW, primary_key=True),
    Column("data_source", String(50)),  # NULL: inserted by hand, as the guides do
    Index("monitoring_data_tenant_time", "tenant_id", text("timestamp DESC")),
    # No sample twice. NULLs are distinct: two rows by hand in one transaction share CURRENT_TIMESTAMP.
    Index(
        "monitoring_data_once",
        "tenant_id",
        "metric_type",
        "metric_name",
        "data_source",
        "timestamp",
        unique=True,
    ),
    postgresql_partition_by="RANGE (timestamp)",
)

availability_samples = Table(
    "availability_samples",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("service", String(100), nullable=False, server_default=""),  # '': the tenant as a whole
    timestamp("time", nullable=False, default=False),
    Column("up", Boolean, nullable=False),
)

availability_runs = Table(
    "availability_runs",
    metadata,
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("service", String(100), primary_key=True, server_default=""),
    Column("began", DateTime(timezone=True), primary_key=True),
    timestamp("ended", nullable=False, default=False),
    Column("up", Boolean, nullable=False),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE")),  # NULL: every tenant
    timestamp("began", nullable=False, default=False),
    timestamp("ended", nullable=False, default=False),
    Column("reason", Text, nullable=False, server_default=""),
    timestamp("created_at", nullable=False),
    Column("recurring_id", String(64)),  # NULL: announced by itself
    Index("maintenance_windows_ended", "ended"),
)

monitoring_rollups = Table(
    "monitoring_rollups",
    metadata,
    Column("tenant_id", Integer, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("metric_type", String(50), primary_key=True),
    Column("metric_name", String(100), primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("final", Boolean, nullable=False, server_default=text("false")),  # its samples are gone
    Column("mean", Double, nullable=False),
    Column("highest", Double, nullable=False),
    Column("samples", Integer, nullable=False),
    # The parts of the hour in which something was measured: their numbers, means, maxima and counts.
    Column("fives", ARRAY(SmallInteger), nullable=False),
    Column("five_means", ARRAY(Double), nullable=False),
    Column("five_highs", ARRAY(Double), nullable=False),
    Column("five_samples", ARRAY(Integer), nullable=False),
    Column("minutes", ARRAY(SmallInteger), nullable=False),
    Column("minute_means", ARRAY(Double), nullable=False),
    Column("minute_highs", ARRAY(Double), nullable=False),
    Column("minute_samples", ARRAY(Integer), nullable=False),
    Column("kept", Boolean, primary_key=True, server_default=text("false")),  # others' samples, which stay
    # By tenant and hour, as it is asked for; the columns' own order is that of the first migration.
    PrimaryKeyConstraint("tenant_id", "hour", "metric_type", "metric_name", "kept"),
    Index("monitoring_rollups_hour", "hour"),
)

monitoring_progress = Table(
    "monitoring_progress",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("position", BigInteger, nullable=False),  # an id of monitoring_data
    timestamp("rolled_until", nullable=False, default=False),
)
