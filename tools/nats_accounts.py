"""`python -m tools.nats_accounts`: deploy/nats/accounts.conf, which is `shared.access` for a NATS that isn't embedded.

Passwords are not in the file: NATS takes them from its environment, NATS_<ACCOUNT>_PASSWORD. The accounts of other
systems with a name are in `systems.conf`, which `start.sh` makes from the template `system.conf.in`.
"""

import json
import re

from embedded.accounts import account_of_system, authorization
from shared.access import ACCESS
from tools.locks import ROOT

FILE = ROOT / "deploy" / "nats" / "accounts.conf"
TEMPLATE = FILE.with_name("system.conf.in")
_HEADER = "# Made from shared/access.py by `make docs`.\n"


def variable(account: str) -> str:
    """The variable that has the password of `account`."""
    return f"NATS_{account.upper()}_PASSWORD"


def configuration() -> str:
    """The `accounts` block, with a variable for each password."""
    block = authorization({account: f"${variable(account)}" for account in ACCESS})
    # In quotes a variable would be a text.
    block = re.sub(r'"(\$NATS_[A-Z]+_PASSWORD)"', r"\1", block)
    return f"{_HEADER}{block.rstrip().removesuffix('}')}  include ./systems.conf\n}}\n"


def template() -> str:
    """The account of another system, with `@NAME@` and `@PASSWORD@` in the place of its own."""
    return f'"@NAME@": {json.dumps(account_of_system("@NAME@", "@PASSWORD@"), indent=2)}\n'


def main() -> None:
    """Write the bus's accounts, and the template for those of other systems."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(configuration(), encoding="utf-8")
    TEMPLATE.write_text(template(), encoding="utf-8")


if __name__ == "__main__":
    main()
