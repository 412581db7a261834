"""`python -m services.gateway.keys`: make and print the first administrator's key, by the gateway's own environment.

`ecp keys create --first` is this on the stack of `make run`; in containers it is
`docker compose exec backend python -m services.gateway.keys`.
"""

import argparse
import asyncio
import sys

from pydantic import ValidationError

from services.gateway.keys.first_key import make_first_key
from shared.database import Database, DatabaseSettings
from shared.errors import EcpError
from shared.settings import load
from shared.subjects import Mode


async def _make(mode: Mode, name: str, days: int) -> str:
    database = Database(mode, load(DatabaseSettings), "first-key", pool_size=1)
    try:
        return (await make_first_key(database, mode, name, days)).key
    finally:
        await database.dispose()


def main() -> None:
    """Print the key alone to standard output, so that it can go to a file: `... > key`."""
    parser = argparse.ArgumentParser(prog="python -m services.gateway.keys", description=__doc__)
    parser.add_argument("--name", default="first administrator", help="what uses it")
    parser.add_argument("--days", type=int, default=365, help="days until it ends, 1 to 3650")
    parser.add_argument("--demo", action="store_true", help="for the demo mode; without it for production")
    options = parser.parse_args()
    try:
        key = asyncio.run(_make(Mode.DEMO if options.demo else Mode.PRODUCTION, options.name, options.days))
    except EcpError as error:
        sys.exit(error.message)
    except ValidationError as error:
        sys.exit("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()))
    sys.stdout.write(f"{key}\n")
    sys.stderr.write("This key is shown once. Keep it where secrets are kept; ECP_TOKEN_FILE names its file to ecp.\n")


if __name__ == "__main__":
    main()
