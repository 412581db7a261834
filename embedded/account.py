"""Whose account PostgreSQL runs under: it refuses root, and a container or a build machine often has nothing else."""

import os
import pwd
import subprocess
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.launch import NOBODY, SAME_ACCOUNT, USER_NAMESPACE, launcher

PROBE_SECONDS = 10.0


def account_for(program: Path) -> str:
    """The way in which `program` (a PostgreSQL binary) can be run here: one of launch's accounts.

    Raises EmbeddedError with the result of each attempt if this process is root and can't drop that.
    """
    if os.geteuid() != 0:
        return SAME_ACCOUNT
    refusals = []
    for account in (USER_NAMESPACE, NOBODY):
        refusal = _refusal(program, account)
        if refusal is None:
            return account
        refusals.append(f"  {account}: {refusal}")
    raise EmbeddedError(
        "PostgreSQL does not run as root, and here root can neither make a user namespace nor become `nobody`:\n"
        + "\n".join(refusals)
        + "\nRun it as an ordinary user that owns this directory, for example: su - <user> -c 'make run'"
    )


def hand_over(directory: Path, account: str) -> None:
    """Give `directory` and all below it to the user that `account` writes files as."""
    if os.geteuid() != 0:
        return
    owner = pwd.getpwnam(NOBODY) if account == NOBODY else pwd.getpwuid(0)
    if directory.stat().st_uid == owner.pw_uid:
        return
    for parent, _, files in os.walk(directory):
        os.chown(parent, owner.pw_uid, owner.pw_gid)
        for name in files:
            os.lchown(Path(parent, name), owner.pw_uid, owner.pw_gid)


def _refusal(program: Path, account: str) -> str | None:
    """Why `program` can't be run under `account`, or None when it can."""
    command = launcher([program, "--version"], account=account)
    try:
        trial = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer in {PROBE_SECONDS:.0f} s"
    if trial.returncode == 0:
        return None
    return (trial.stderr.strip().splitlines() or [f"exit status {trial.returncode}"])[-1]
