"""Statements that a test runs on a database without the service that uses it."""

from sqlalchemy import text

from shared.database import Database

FULL_DISK = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
"""
"""A trigger function that fails as PostgreSQL does on a full disk."""


async def execute(database: Database, *statements: str) -> None:
    async with database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
