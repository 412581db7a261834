"""The embedded server's users: one for each account of `shared.access`, with just what it needs.

Passwords are made at the first start and kept in the data directory, readable by its owner only; a service gets its
own in `NATS_URL`, which no log shows. Other systems use the account `outside`.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.access import ACCESS, permissions


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
    """The `authorization` block of nats-server's configuration."""
    users = [_user(account, password) for account, password in secret.items() if account in ACCESS]
    return "authorization: " + json.dumps({"users": users}, indent=2) + "\n"


def _user(account: str, password: str) -> dict[str, Any]:
    granted = permissions(account)
    allowed: dict[str, Any] = {
        "publish": {"allow": granted.publish},
        "subscribe": {"allow": granted.subscribe},
    }
    if granted.respond:
        allowed["allow_responses"] = True
    return {"user": account, "password": password, "permissions": allowed}
