"""What routes have in common: the parts of the gateway, the mode, and parameters of paths and headers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Path, Query
from starlette.requests import HTTPConnection

from services.gateway.dashboards.queries import Dashboards
from services.gateway.deployments.projection import Update
from services.gateway.http import request_context
from services.gateway.http.errors import deployment_not_found, tenant_not_found
from services.gateway.lifecycle.commands import Operations
from services.gateway.manifests.queries import Manifests
from services.gateway.metrics import GatewayMetrics
from services.gateway.monitoring.commands import Recorder
from services.gateway.tenants.commands import Commands
from services.gateway.tenants.queries import Queries
from services.gateway.websockets.snapshots import Snapshots
from services.gateway.websockets.stream_feed import Feed
from services.gateway.workers import Questions
from shared.bus import Worker
from shared.catalog import Catalog
from shared.database import Databases
from shared.subjects import Mode

_LONGEST_ID = 100


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may call, wired by `app.py`."""

    worker: Worker
    databases: Databases
    socket_databases: Databases
    snapshots: dict[Mode, Snapshots]
    """Of the sockets' databases."""
    catalog: Catalog
    questions: Questions
    commands: Commands
    queries: Queries
    operations: Operations
    manifests: Manifests
    dashboards: Dashboards
    recorder: Recorder
    metrics: GatewayMetrics
    deployment_feeds: dict[Mode, Feed[Update]]
    monitoring_feeds: dict[Mode, Feed[tuple[datetime, dict[str, float]]]]


async def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


async def _mode(
    x_demo_mode: Annotated[
        str | None,
        Header(description="true for demo mode, false or absent for production", examples=["false"]),
    ] = None,
) -> Mode:
    """The middleware has read it; here it is documented."""
    return request_context.current().mode


async def _tenant_id(tenant_id: Annotated[str, Path(examples=["my-ai-service"])]) -> str:
    """An id that none can have isn't worth a query, and PostgreSQL refuses some of them."""
    if not is_possible_id(tenant_id):
        raise tenant_not_found(tenant_id[:_LONGEST_ID])
    return tenant_id


async def _deployment_id(deployment_id: Annotated[str, Path(examples=["dep-0123456789ab"])]) -> str:
    if not is_possible_id(deployment_id):
        raise deployment_not_found(deployment_id[:_LONGEST_ID])
    return deployment_id


def is_possible_id(value: str) -> bool:
    """Whether anything can be stored under this id; rows that were inserted by hand may have odd ones."""
    return 0 < len(value) <= _LONGEST_ID and value.isprintable() and all(ord(each) < 0xD800 for each in value)


PartsOf = Annotated[Parts, Depends(_parts)]
InMode = Annotated[Mode, Depends(_mode)]
TenantPath = Annotated[str, Depends(_tenant_id)]
DeploymentPath = Annotated[str, Depends(_deployment_id)]
Skip = Annotated[int, Query(ge=0, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key and body answer the first answer again")
]
