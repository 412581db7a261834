"""`python -m tools.nats_accounts`: deploy/nats/accounts.conf, which is `shared.access` for a NATS that isn't embedded.

Passwords are not in the file: NATS takes them from its environment, NATS_<ACCOUNT>_PASSWORD.
"""

import re

from embedded.accounts import authorization
from shared.access import ACCESS
from tools.locks import ROOT

FILE = ROOT / "deploy" / "nats" / "accounts.conf"
_HEADER = "# Made from shared/access.py by `make docs`.\n"


def variable(account: str) -> str:
    """The variable that has the password of `account`."""
    return f"NATS_{account.upper()}_PASSWORD"


def configuration() -> str:
    """The `accounts` block, with a variable for each password."""
    block = authorization({account: f"${variable(account)}" for account in ACCESS})
    # In quotes a variable would be a text.
    return _HEADER + re.sub(r'"(\$NATS_[A-Z]+_PASSWORD)"', r"\1", block)


def main() -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(configuration(), encoding="utf-8")


if __name__ == "__main__":
    main()
