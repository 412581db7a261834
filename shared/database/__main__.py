"""`python -m shared.database upgrade`: make or upgrade the tables of both modes; `roles`: set up our servers' roles."""

import argparse
import asyncio
import sys

from shared.database.connection import Databases
from shared.database.server_roles import RolesSettings, set_up_servers
from shared.database.settings import DatabaseSettings
from shared.database.upgrade import upgrade
from shared.errors import DependencyUnavailable
from shared.logging import configure_logging
from shared.settings import load


async def _roles() -> None:
    settings = load(RolesSettings)
    configure_logging("roles", settings.log_level)
    await set_up_servers(settings)


async def _tables() -> None:
    settings = load(DatabaseSettings)
    configure_logging("migration", settings.log_level)
    databases = Databases(settings, "migration")
    try:
        await upgrade(databases)
    finally:
        await databases.dispose()


def main() -> None:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.database", description=__doc__)
    parser.add_argument("command", choices=["upgrade", "roles"])
    work = _roles if parser.parse_args().command == "roles" else _tables
    try:
        asyncio.run(work())
    except DependencyUnavailable as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
