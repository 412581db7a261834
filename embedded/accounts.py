"""The embedded server's users: one for each account of `shared.access`, with just what it needs.

Passwords are made at the first start and kept in the data directory, readable by its owner only; a service gets its
own in `NATS_URL`, which no log shows. Other systems use the user `outside`, who is in an account of NATS apart: from
there the server lets over what `shared.access.crossings` lists, under another name, and nothing else either way.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.access import ACCESS, OUTSIDE, crossings, permissions

OUR_ACCOUNT = "SERVICES"
"""NATS keeps streams in a folder of their account's name."""
_ACCOUNT_OF_OTHERS = "OUTSIDE"


def passwords(file: Path) -> dict[str, str]:
    """A password for each account, made once and kept in `file` (mode 0600). New accounts get theirs as they appear."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {account: secrets.token_urlsafe(24) for account in ACCESS if account not in known}
    if missing:
        known |= missing
        # Renamed when it is whole: half a file would stop every later start.
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(known, indent=2))
        partial.replace(file)
    return known


def authorization(secret: Mapping[str, str]) -> str:
    """The `accounts` block of nats-server's configuration: who there is, and who may do what."""
    return "accounts: " + json.dumps(nats_accounts(secret), indent=2) + "\n"


def nats_accounts(secret: Mapping[str, str]) -> dict[str, Any]:
    """The same as an object. A crossing is a service, so that the stream's acknowledgement finds the way back."""
    users = {name: _user(name, password) for name, password in secret.items() if name in ACCESS}
    others = [users.pop(OUTSIDE)] if OUTSIDE in users else []
    exports = [{"service": ours, "accounts": [_ACCOUNT_OF_OTHERS]} for ours in crossings().values()]
    imports = [
        {"service": {"account": OUR_ACCOUNT, "subject": ours}, "to": theirs} for theirs, ours in crossings().items()
    ]
    return {
        OUR_ACCOUNT: {"jetstream": "enabled", "users": list(users.values()), "exports": exports},
        _ACCOUNT_OF_OTHERS: {"users": others, "imports": imports},
    }


def _user(account: str, password: str) -> dict[str, Any]:
    granted = permissions(account)
    allowed: dict[str, Any] = {
        "publish": {"allow": granted.publish, "deny": granted.never} if granted.never else {"allow": granted.publish},
        "subscribe": {"allow": granted.subscribe},
    }
    if granted.respond:
        allowed["allow_responses"] = True
    return {"user": account, "password": password, "permissions": allowed}
