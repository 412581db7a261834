"""The embedded server's users: one for each account of `shared.access`, with just what it needs.

Passwords are made at the first start and kept in the data directory, readable by its owner only; a service gets its
own in `NATS_URL`, which no log shows. Other systems use the user `outside` or one of their own, each in an account of
NATS apart: from there the server lets over what `shared.access.crossings` lists, under another name, and nothing else
either way. The account of a system with a name is called as the system is, and the server compares that with its
place in the subject (`account_token_position`). A further one changes nothing of our account, so that no service is
disconnected when one is added.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded.kept_files import read_kept, texts_in
from shared.access import ACCESS, OUTSIDE, crossings
from shared.errors import Refused
from shared.permissions import permissions
from shared.systems import check_name, check_number

OUR_ACCOUNT = "SERVICES"
"""NATS keeps streams in a folder of their account's name."""
_ACCOUNT_OF_OTHERS = "OUTSIDE"
_SYSTEM = f"{OUTSIDE}."
"""Before the name of another system, as a key of the file of passwords: `outside.crm`."""
_REMEDY = "restore it from a backup, or remove it: the next start makes new passwords, also for other systems"


def passwords(file: Path) -> dict[str, str]:
    """A password for each account, made once and kept in `file` (mode 0600). New accounts get theirs as they appear.

    Raises EmbeddedError for a file that can't be used.
    """
    known = texts_in(read_kept(file, _REMEDY), file, _REMEDY)
    missing = {account: _new_password() for account in ACCESS if account not in known}
    if missing:
        known |= missing
        _write(file, known)
    return known


def systems(secret: Mapping[str, str]) -> dict[str, str]:
    """The other systems with a name, and their passwords."""
    return {key.removeprefix(_SYSTEM): password for key, password in secret.items() if key.startswith(_SYSTEM)}


def check_new(file: Path, name: str) -> None:
    """Raise Refused for a name that no further system can have: it is unusable, is there, or is one too many."""
    known = systems(passwords(file))
    check_name(name)
    if name in known:
        raise Refused(f"the system {name!r} is there already")
    check_number([*known, name])


def add_system(file: Path, name: str) -> None:
    """A password for another system, in `file`. Raises Refused as `check_new`."""
    check_new(file, name)
    _write(file, {**passwords(file), f"{_SYSTEM}{name}": _new_password()})


def remove_system(file: Path, name: str) -> None:
    """Take the password of another system out of `file`. Refused if there is none."""
    known = passwords(file)
    if name not in systems(known):
        raise Refused(f"there is no system {name!r}; `ecp bus list` shows those that are there")
    _write(file, {key: password for key, password in known.items() if key != f"{_SYSTEM}{name}"})


def _new_password() -> str:
    return secrets.token_urlsafe(24)


def _write(file: Path, known: Mapping[str, str]) -> None:
    # Renamed when it is whole: half a file would stop every later start.
    partial = file.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(known, indent=2))
    partial.replace(file)


def authorization(secret: Mapping[str, str]) -> str:
    """The `accounts` block of nats-server's configuration: who there is, and who may do what."""
    return "accounts: " + json.dumps(nats_accounts(secret), indent=2) + "\n"


def nats_accounts(secret: Mapping[str, str]) -> dict[str, Any]:
    """The same as an object. A crossing is a service, so that the stream's acknowledgement finds the way back."""
    users = {name: _user(name, password) for name, password in secret.items() if name in ACCESS}
    others = [users.pop(OUTSIDE)] if OUTSIDE in users else []
    exports: list[dict[str, Any]] = [
        {"service": ours, "accounts": [_ACCOUNT_OF_OTHERS]} for ours in crossings().values()
    ]
    exports += [
        {"service": ours, "account_token_position": ours.split(".").index("*") + 1} for ours in crossings("*").values()
    ]
    return {
        OUR_ACCOUNT: {"jetstream": "enabled", "users": list(users.values()), "exports": exports},
        _ACCOUNT_OF_OTHERS: {"users": others, "imports": _imports(OUTSIDE)},
        **{name: account_of_system(name, password) for name, password in systems(secret).items()},
    }


def account_of_system(name: str, password: str) -> dict[str, Any]:
    """The account of another system with a name. It is alone in it, so that replies come to whatever inbox it likes."""
    allowed = {"publish": {"allow": sorted(crossings(name))}, "subscribe": {"allow": ["_INBOX.>"]}}
    user = {"user": name, "password": password, "permissions": allowed}
    return {"users": [user], "imports": _imports(name)}


def _imports(system: str) -> list[dict[str, Any]]:
    return [
        {"service": {"account": OUR_ACCOUNT, "subject": ours}, "to": theirs}
        for theirs, ours in crossings(system).items()
    ]


def _user(account: str, password: str) -> dict[str, Any]:
    granted = permissions(account)
    allowed: dict[str, Any] = {
        "publish": {"allow": granted.publish, "deny": granted.never} if granted.never else {"allow": granted.publish},
        "subscribe": {"allow": granted.subscribe},
    }
    if granted.respond:
        allowed["allow_responses"] = True
    return {"user": account, "password": password, "permissions": allowed}
