"""Checks that the bus is ready for a service: NATS answers, and the bootstrap has created the streams."""

import nats
import nats.errors
import nats.js.errors

from shared.access import inbox
from shared.bus.accounts_check import check_accounts
from shared.bus.nats_login import connection_options
from shared.errors import DependencyUnavailable
from shared.settings import BusSettings
from shared.subjects import Mode, Stream


async def bus_is_ready(settings: BusSettings, account: str) -> None:
    """Raise DependencyUnavailable unless NATS answers and the streams of both modes exist; AccountsMissing.

    It opens a connection of its own: the broker's doesn't exist before the start and reconnects by itself later.
    """
    try:
        client = await nats.connect(
            **connection_options(settings),
            allow_reconnect=False,
            connect_timeout=1,
            name="ecp-ready",
            inbox_prefix=inbox(account),
            error_cb=_ignore,
        )
    except (OSError, nats.errors.Error, TimeoutError) as error:
        raise DependencyUnavailable("NATS", f"{error or type(error).__name__}") from error
    try:
        await check_accounts(client)
        for mode in Mode:
            for stream in Stream:
                await client.jetstream().stream_info(mode.stream(stream))
    except (nats.errors.Error, nats.js.errors.Error) as error:
        raise DependencyUnavailable("NATS", "streams are missing; run `python -m shared.bus bootstrap`") from error
    finally:
        await client.close()


async def _ignore(_: Exception) -> None:
    """The caller gets the exception; the client's log line would only repeat it."""
