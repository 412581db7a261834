"""`python -m shared.database upgrade`: make or upgrade the tables of both modes."""

import argparse
import asyncio
import sys

from shared.database.connection import Databases
from shared.database.settings import DatabaseSettings
from shared.database.upgrade import upgrade
from shared.errors import DependencyUnavailable
from shared.logging import configure_logging
from shared.settings import load


async def _upgrade(settings: DatabaseSettings) -> None:
    databases = Databases(settings, "migration")
    try:
        await upgrade(databases)
    finally:
        await databases.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m shared.database", description=__doc__)
    parser.add_argument("command", choices=["upgrade"])
    parser.parse_args()
    settings = load(DatabaseSettings)
    configure_logging("migration", settings.log_level)
    try:
        asyncio.run(_upgrade(settings))
    except DependencyUnavailable as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
