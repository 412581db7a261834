"""The one Alembic tree, for both databases. `python -m shared.database upgrade` runs it."""
