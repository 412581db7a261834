"""Checks that NATS has our accounts, without which other systems could publish events as if they were ours.

Only the accounts separate other systems' subjects from ours (`shared.access`). On a NATS without accounts every client
is in the default account `$G`, so a service refuses to start there.
"""

import json

from nats.aio.client import Client

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable, PermanentError
from shared.permissions import USER_INFO

_DEFAULT_ACCOUNT = "$G"
_TIMEOUT = 1.0


class AccountsMissing(PermanentError):
    """NATS runs without accounts: waiting doesn't help, the server needs another configuration."""

    code = "NATS_WITHOUT_ACCOUNTS"


async def check_accounts(client: Client) -> None:
    """Raise AccountsMissing if `client` is in the default account, DependencyUnavailable if the server doesn't tell."""
    try:
        reply = await client.request(USER_INFO, b"", timeout=_TIMEOUT)
        account = json.loads(reply.data)["data"]["account"]
    except (*NATS_ERRORS, ValueError, KeyError, TypeError) as error:
        reason = f"{USER_INFO} isn't answered; its accounts must permit it, as `make docs` writes them"
        raise DependencyUnavailable("NATS", reason) from error
    if account == _DEFAULT_ACCOUNT:
        raise AccountsMissing(
            "NATS has no accounts, so other systems could publish events as if they were ours; start it with the "
            "accounts of deploy/nats (accounts.conf), or use `make run`, and give NATS_URL this service's user"
        )
