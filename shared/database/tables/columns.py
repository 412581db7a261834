"""What all tables share."""

from sqlalchemy import Column, DateTime, MetaData, func

metadata = MetaData()
NOW = func.current_timestamp()


def timestamp(name: str, *, nullable: bool = True, default: bool = True) -> Column[object]:
    """A time with its zone; by default that of its transaction."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=NOW if default else None)
