"""`ecp bus`: accounts of other systems on the bus of `make run`, whether it runs or not.

A password is kept with the others in `bus-passwords.json`, which the next start reads. On a running stack the streams
are made, then NATS reads its changed configuration again: no program is started again, and no other client is
disconnected.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nats import connect
from nats.aio.client import Client

from embedded import accounts, bus_roles, nats
from embedded.child import until
from embedded.directory import DataDirectory, write_private
from embedded.errors import EmbeddedError, SupervisorSilent
from embedded.programs import INFRASTRUCTURE
from embedded.settings import EmbeddedSettings
from embedded.supervision import Supervisor
from shared.access import BOOTSTRAP, inbox
from shared.bus.bootstrap import make_system
from shared.errors import Refused
from shared.identity.caller import Role

_SECONDS = 10.0
"""Within which NATS has read its configuration again."""


def names(settings: EmbeddedSettings) -> list[str]:
    """The systems with a name, in alphabetical order."""
    file = DataDirectory(settings.data_dir).bus_passwords
    return sorted(accounts.systems(accounts.passwords(file))) if file.exists() else []


async def add(
    settings: EmbeddedSettings, name: str, role: Role | None = None, tenants: Sequence[str] | None = None
) -> str:
    """Give another system an account. Returns the URL with its password. Raises EmbeddedError.

    Without a role it may do everything; `tenants` are the ids of those that it may see, None for every one.
    """
    directory = _directory(settings)
    try:
        accounts.check_new(directory.bus_passwords, name)
        # Before its account: without an entry it may do everything, also if we end in between.
        bus_roles.put(directory.bus_roles, name, role, tenants)
        accounts.add_system(directory.bus_passwords, name)
    except Refused as error:
        raise EmbeddedError(error.message) from error
    secret = accounts.passwords(directory.bus_passwords)
    url = settings.nats_url(name, accounts.systems(secret)[name])
    if await _runs(directory):
        await _make_streams(settings.nats_url(BOOTSTRAP, secret[BOOTSTRAP]), name)
        await _reload(settings, directory)
    return url


async def remove(settings: EmbeddedSettings, name: str) -> None:
    """Take its account from another system; what it has published is still handled. Raises EmbeddedError."""
    directory = _directory(settings)
    try:
        accounts.remove_system(directory.bus_passwords, name)
    except Refused as error:
        raise EmbeddedError(error.message) from error
    if await _runs(directory):
        await _reload(settings, directory)


def _change_accounts(configuration: Path, secret: dict[str, str]) -> None:
    """Write the accounts of `secret` into the configuration that NATS was started with."""
    text = configuration.read_text(encoding="utf-8")
    write_private(configuration, nats.with_authorization(text, accounts.authorization(secret)))


def _directory(settings: EmbeddedSettings) -> DataDirectory:
    directory = DataDirectory(settings.data_dir)
    if not directory.bus_passwords.exists():
        raise EmbeddedError(f"Nothing has run in {settings.data_dir} yet; start it with `make run`.")
    return directory


async def _runs(directory: DataDirectory) -> bool:
    try:
        states = await Supervisor([], directory, {}).states()
    except SupervisorSilent:
        return False
    return any(state.name == "nats" and state.pid for state in states)


async def _reload(settings: EmbeddedSettings, directory: DataDirectory) -> None:
    """Have NATS read the accounts again, and wait until it has: a client that connects meanwhile may find half of them.

    Two times, since an account that is new is not let over to ours before the reload after its first one (seen with
    2.15). Raises EmbeddedError.
    """
    _change_accounts(directory.run / "nats.conf", accounts.passwords(directory.bus_passwords))
    for _ in range(2):
        before = await nats.configured_at(settings.nats_monitor_url)
        await Supervisor([], directory, {}).signal("nats", INFRASTRUCTURE, "HUP")
        try:
            await until(partial(_is_configured, settings, before), _SECONDS)
        except TimeoutError:
            raise EmbeddedError(f"NATS has not read its accounts again; {directory.log('nats')} tells why") from None


async def _is_configured(settings: EmbeddedSettings, before: str | None) -> bool:
    return await nats.configured_at(settings.nats_monitor_url) not in (before, None)


async def _make_streams(url: str, name: str) -> None:
    connection = await _connected(url, inbox(BOOTSTRAP))
    try:
        await make_system(connection.jetstream(timeout=30), name)
    finally:
        await connection.close()


async def _connected(url: str, inbox_prefix: str) -> Client:
    return await connect(
        url, allow_reconnect=False, connect_timeout=2, inbox_prefix=inbox_prefix, name="ecp-bus", error_cb=_quiet
    )


async def _quiet(_: Exception) -> None:
    """The caller gets the exception."""
