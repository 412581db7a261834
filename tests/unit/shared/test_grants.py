"""The table of grants knows every table."""

from sqlalchemy import Computed, Identity

from shared.database.grants import GRANTS, SEQUENCES
from shared.database.tables import metadata


def test_every_table_has_its_row_of_grants() -> None:
    assert set(GRANTS) == set(metadata.tables) | {"alembic_version"}


def test_a_table_s_grants_name_a_right_for_each_role() -> None:
    assert all(right.startswith("SELECT") for rights in GRANTS.values() for right in rights.values())


def test_who_fills_a_serial_column_may_use_its_sequence() -> None:
    serial = {
        f"{table.name}_{column.name}_seq": table.name
        for table in metadata.tables.values()
        for column in table.primary_key
        if column is table.autoincrement_column and not isinstance(column.server_default, Identity | Computed)
    }
    for sequence, table in serial.items():
        writers = {role for role, rights in GRANTS[table].items() if "INSERT" in rights}
        assert set(SEQUENCES[sequence]) == writers
