"""`python -m embedded run` brings the whole product up on this machine; `python -m embedded clean` removes its data.

`python -m embedded dlq ...` is `ecp dlq ...` on the running stack; `env` and `bus` are `ecp env` and `ecp bus`.
"""

import argparse
import asyncio
import io
import sys

from embedded import systems
from embedded.addresses import addresses
from embedded.dead_letters import dead_letters
from embedded.errors import EmbeddedError
from embedded.first_key import first_key
from embedded.report import ConsoleReport
from embedded.runner import clean, run
from embedded.settings import EmbeddedSettings
from shared.access import OUTSIDE
from shared.identity.caller import Role
from shared.tenants import check_tenant_id


def main() -> int:
    """Run the command of `python -m embedded` that the arguments name; returns its exit status."""
    options = _parser().parse_args()
    for stream in (sys.stdout, sys.stderr):
        # Names are Korean, and a terminal that can't show them is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        if options.command == "clean":
            asyncio.run(clean(EmbeddedSettings.read(), ConsoleReport()))
        elif options.command == "env":
            print("\n".join(addresses(EmbeddedSettings.read(), passwords=options.passwords)))
        elif options.command == "bus":
            _bus(EmbeddedSettings.read(), options)
        elif options.command == "first-key":
            first_key(EmbeddedSettings.read(), options.name, options.days, demo=options.demo)
        elif options.command == "dlq":
            dead_letters(EmbeddedSettings.read(), options.arguments)
        else:
            asyncio.run(
                run(EmbeddedSettings.read(**({"scale": options.scale} if options.scale else {})), ConsoleReport())
            )
    except EmbeddedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"\n{error.filename} can't be used: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="start everything and stay until Ctrl-C")
    runs.add_argument("--scale", help='copies of workers, for example "calculator=3 manifest=2" (or SCALE)')
    commands.add_parser("clean", help="remove the data directory (ECP_DATA_DIR)")
    where = commands.add_parser("env", help="print addresses as `export NAME=url`")
    where.add_argument("--passwords", action="store_true", help="with the passwords in them")
    letters = commands.add_parser(
        "dlq", help="dead letters of the running stack: list, show, replay, drop", add_help=False
    )
    letters.add_argument("arguments", nargs=argparse.REMAINDER)
    first = commands.add_parser("first-key", help="make the first administrator's API key")
    first.add_argument("--name", default="first administrator", help="what uses it")
    first.add_argument("--days", default="365", help="days until it ends")
    first.add_argument("--demo", action="store_true", help="for the demo mode; without it for production")
    _add_bus(commands.add_parser("bus", help="accounts of other systems on the bus"))
    return parser


def _add_bus(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    adds = actions.add_parser("add", help="give a system an account")
    adds.add_argument("--role", type=Role, choices=list(Role), help="the most that it may do; without it, everything")
    adds.add_argument("--tenants", type=_ids, help="ids of the tenants that it may see, as acme,globex; with --role")
    removes = actions.add_parser("remove", help="take it away again")
    for each in (adds, removes):
        each.add_argument("name", help="for example crm")
    actions.add_parser("list", help="the systems that have an account of their own")


def _ids(text: str) -> list[str]:
    """Ids of tenants, separated by commas. Raises ValueError for one that no tenant can have."""
    return [check_tenant_id(each.strip()) for each in text.split(",") if each.strip()]


def _bus(settings: EmbeddedSettings, options: argparse.Namespace) -> None:
    if options.action == "list":
        print("\n".join([OUTSIDE, *systems.names(settings)]))
    elif options.action == "add":
        if options.tenants is not None and options.role in (None, Role.ADMIN):
            raise EmbeddedError("--tenants needs --role viewer, operator or tenant_admin: other roles see every tenant")
        print(asyncio.run(systems.add(settings, options.name, options.role, options.tenants)))
    else:
        asyncio.run(systems.remove(settings, options.name))
        print(f"{options.name} is removed; what it has published is still handled.")


if __name__ == "__main__":
    sys.exit(main())
