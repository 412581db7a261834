"""Estimates of operations on a target: the measured durations of the last ones, or the default."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.durations import repository
from shared.catalog import Catalog
from shared.database import Database
from shared.durations import Estimate, measured, starting, stopping
from shared.errors import DependencyUnavailable
from shared.kube.targets import SIMULATOR
from shared.sizing import Sizing

_USUAL_START_SECONDS = 60
"""Of a service that the catalogue doesn't have."""
_STOPPING = frozenset({"stop", "delete"})


class DurationEstimates:
    """Estimates of one mode. Each takes the connection of a transaction that the caller owns."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def estimate(
        self, connection: AsyncConnection, target: str, operation: str, sizing: Sizing | None
    ) -> Estimate:
        """The duration of `deploy`, `update`, `delete`, ... of a tenant with this sizing."""
        pods = sum(each.replicas for each in sizing.services) if sizing else 0
        past = await repository.latest(connection, target, operation)
        return measured(past, pods) or self._default(target, operation, sizing)

    async def measured_text(self, database: Database, target: str, pods: int, default: str) -> str:
        """The duration of a deployment in the documented form; `default` if nothing was measured.

        A calculation needs no database: while that is away, the default is answered, too.
        """
        try:
            async with database.begin() as connection:
                found = measured(await repository.latest(connection, target, "deploy"), pods)
        except DependencyUnavailable:
            return default
        if found is None and target == SIMULATOR:
            found = starting((), simulated=True)
        return found.text if found else default

    async def of_deployment(self, connection: AsyncConnection, deployment: Any) -> Estimate:
        """The duration of an operation in progress. `deployment` is its row with its tenant's `sizing`."""
        kind = await repository.kind_of(connection, deployment.deployment_id)
        return await self.estimate(connection, deployment.target, kind, stored_sizing(deployment.sizing))

    def _default(self, target: str, operation: str, sizing: Sizing | None) -> Estimate:
        simulated = target == SIMULATOR
        if operation in _STOPPING:
            return stopping(simulated=simulated)
        known = self._catalog.services
        names = [each.service for each in sizing.services] if sizing else []
        return starting(
            (known[name].startup_seconds.value if name in known else _USUAL_START_SECONDS for name in names),
            simulated=simulated,
        )


def stored_sizing(stored: Any) -> Sizing | None:
    """The sizing of a tenant's row; None for one inserted by hand, or of another version."""
    try:
        return Sizing.model_validate(stored) if stored else None
    except ValidationError:
        return None
