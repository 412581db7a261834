"""The diff of two deployments of a tenant, from their stored manifests. Reads only."""

import asyncio
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository
from services.gateway.deployments.named import named_deployment
from services.gateway.diffs.schemas import DeploymentDiff
from services.gateway.http.errors import conflict, deployment_not_found
from services.gateway.mode_context import ModeContext
from shared.bus.manifests import ManifestDamaged, read_manifest
from shared.changes import Changes
from shared.errors import Refused
from shared.kube.changes import changes_between
from shared.kube.manifest_text import stored_objects
from shared.reading import InvalidText
from shared.tenants import NAMESPACE_PREFIX


class DiffQueries:
    """The diffs of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL or NATS is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._buckets = context.worker.bus(context.mode)

    async def between(self, deployment_id: str, against: str | None) -> DeploymentDiff:
        """What `deployment_id` has changed against another deployment, or against the one before it."""
        async with self._database.begin() as connection:
            new = await repository.find_deployment(connection, deployment_id)
            if new is None:
                raise deployment_not_found(deployment_id)
            if against is None:
                old = await _before(connection, new)
            else:
                old = await named_deployment(connection, new.tenant_name, against, "against")
        before, after = await self._text(old), await self._text(new)
        # In a thread, since parsing a large manifest takes a tenth of a second.
        changes = await asyncio.to_thread(_compared, before, after, f"{NAMESPACE_PREFIX}{new.tenant_name}")
        return DeploymentDiff(
            **dict(changes),
            tenant_id=new.tenant_name,
            deployment_id=deployment_id,
            against=old.deployment_id,
            digest=new.digest,
            against_digest=old.digest,
        )

    async def _text(self, deployment: Row[Any]) -> str:
        if deployment.digest is None:
            raise _without_manifest(deployment)
        try:
            text = await read_manifest(self._buckets, deployment.digest)
        except ManifestDamaged:
            text = None
        if text is None:
            raise conflict(
                "manifest-lost",
                f"the manifest of {deployment.deployment_id} is no longer stored",
                deployment_id=deployment.deployment_id,
                digest=deployment.digest,
            )
        return text


async def _before(connection: AsyncConnection, new: Row[Any]) -> Row[Any]:
    """The last deployment before `new` that had a manifest. Raises Refused (CONFLICT) for the first one."""
    if new.digest is None:
        raise _without_manifest(new)
    found = await repository.find_before(connection, new)
    if found is None:
        raise conflict(
            "no-earlier-deployment",
            f"no deployment before {new.deployment_id} had a manifest; choose another one by `against`",
            deployment_id=new.deployment_id,
        )
    return found


def _without_manifest(deployment: Row[Any]) -> Refused:
    return conflict(
        "deployment-without-manifest",
        f"{deployment.deployment_id} ({deployment.operation}, {deployment.status}) has no manifest",
        deployment_id=deployment.deployment_id,
        operation=deployment.operation,
        status=deployment.status,
    )


def _compared(old: str, new: str, namespace: str) -> Changes:
    """Raises Refused (MANIFEST_INVALID) for a stored manifest that can't be read."""
    try:
        return changes_between(stored_objects(old, namespace), stored_objects(new, namespace))
    except InvalidText as error:
        raise Refused(f"a stored manifest can't be read: {error}", code="MANIFEST_INVALID") from error
