"""What serves one mode: its database, the clients of its workers, its outbox. Built once at the start for each mode.

Routes get the context of their request's mode, handlers that of their delivery's; nothing below them has a mode as a
parameter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from nats.js import JetStreamContext
from starlette.requests import HTTPConnection

from services.gateway.http import request_context
from services.gateway.mode_settings.in_effect import SettingsInEffect
from services.gateway.outbox.writer import OutboxWriter
from services.gateway.settings import GatewaySettings
from services.gateway.workers import WorkerClient
from shared.bus import Worker
from shared.catalog import Catalog
from shared.database import Database, Databases
from shared.subjects import Mode


@dataclass(frozen=True, slots=True)
class ModeContext:
    """The dependencies of everything that works in one mode."""

    mode: Mode
    settings: GatewaySettings
    catalog: Catalog
    database: Database
    worker: Worker
    """This process on the bus."""
    workers: WorkerClient
    """The client of the other services."""
    outbox: OutboxWriter
    mode_settings: SettingsInEffect
    """What users set for this mode over REST."""

    @property
    def is_demo(self) -> bool:
        return self.mode is Mode.DEMO

    @property
    def jetstream(self) -> JetStreamContext:
        return self.worker.jetstream


ModeContexts = Mapping[Mode, ModeContext]


def build_contexts(settings: GatewaySettings, catalog: Catalog, databases: Databases, worker: Worker) -> ModeContexts:
    """One context for each mode. Nothing connects yet."""
    return {
        mode: ModeContext(
            mode=mode,
            settings=settings,
            catalog=catalog,
            database=databases[mode],
            worker=worker,
            workers=WorkerClient(mode, worker, settings.rpc_timeout),
            outbox=OutboxWriter(mode),
            mode_settings=SettingsInEffect(databases[mode]),
        )
        for mode in Mode
    }


async def _current(
    connection: HTTPConnection,
    x_demo_mode: Annotated[
        str | None,
        Header(description="true for demo mode, false or absent for production", examples=["false"]),
    ] = None,
) -> ModeContext:
    """The middleware `ModeChoice` has read the header; here it is only documented."""
    contexts: ModeContexts = connection.app.state.modes
    return contexts[request_context.current().mode]


CurrentMode = Annotated[ModeContext, Depends(_current)]
"""The context of the request's mode, as a parameter of routes and of the features' dependencies."""
