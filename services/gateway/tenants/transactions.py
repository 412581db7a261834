"""The inside of an operation's transaction: generation, rows and events, in this order.

The generation comes first: its row lock serializes the operations on a tenant, also before the tenant exists and after
it is deleted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access.grants import grant_creator
from services.gateway.access.visibility import is_visible
from services.gateway.audit.recording import record
from services.gateway.deployments.new_deployment import (
    NewDeployment,
    deploy_requested,
    deployment_values,
    operation_requested,
)
from services.gateway.deployments.repository import latest_deployment_id
from services.gateway.deployments.requests import request_deployment
from services.gateway.durations.estimates import DurationEstimates
from services.gateway.durations.repository import kind_of
from services.gateway.http.errors import conflict, tenant_not_found
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository, rules
from services.gateway.tenants.ingress_hosts import claim_host
from services.gateway.tenants.requests import SizedRequest
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import SizedTenantAnswer, TenantChanged, TenantCreated
from shared import events
from shared.errors import Refused
from shared.events import Operation
from shared.tenants import TenantSpec


class TenantOutdated(Exception):
    """The tenant changed between its reading and the transaction, so the request has to be sized again."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(tenant_id)
        self.tenant_id = tenant_id


class TenantTransactions:
    """The writes of one mode. Each takes the connection of a transaction that the caller owns."""

    def __init__(self, context: ModeContext) -> None:
        self._context = context
        self._estimates = DurationEstimates(context.catalog)

    async def insert(self, connection: AsyncConnection, request: SizedRequest) -> TenantCreated:
        """Insert a new tenant. Raises Refused (TENANT_ALREADY_EXISTS) if its id is in use."""
        tenant_id = request.spec.tenant_id
        generation = await repository.next_generation(connection, tenant_id)
        await claim_host(connection, request.spec)
        deployment = _new_deployment(request, generation, 1)
        values = rules.tenant_values(request.spec, request.sizing) | {
            "tenant_id": tenant_id,
            "is_demo": self._context.is_demo,
            "status": "pending",
            "generation": generation,
            "target": request.target if request.deploys else None,
            "options": request.options.model_dump(),
        }
        inserted = await repository.insert_tenant(connection, values)
        if inserted is None:
            await refuse_existing(connection, tenant_id)
            raise conflict(
                "tenant-just-deleted", f"tenant {tenant_id!r} has just been deleted; try again", tenant_id=tenant_id
            )
        row_id, created_at = inserted
        await grant_creator(connection, row_id)
        await repository.insert_services(connection, row_id, rules.service_rows(request.sizing))
        created = events.TenantCreated(tenant_id=tenant_id, spec=request.spec, revision=1, sizing=request.sizing)
        await self._publish(connection, row_id, request, deployment, after=[created])
        await record(
            connection,
            "createTenant",
            tenant_id=tenant_id,
            deployment_id=deployment.deployment_id if deployment else None,
            after=recorded_request(request, 1),
        )
        answer = _answer_fields(
            request,
            deployment,
            status="pending",
            revision=1,
            generation=generation,
            deployment_time=await self._deployment_time(connection, request, "deploy"),
        )
        return TenantCreated(**answer, created_at=created_at)

    async def revise(
        self, connection: AsyncConnection, seen: TenantRow, request: SizedRequest, operation: str, *, revises: bool
    ) -> TenantChanged:
        """Write a request for an existing tenant. Raises TenantOutdated if it isn't any more as in `seen`.

        With `revises` its specification changes; otherwise the present one is deployed again. `operation` is what the
        audit trail calls it.
        """
        generation = await repository.next_generation(connection, seen.tenant_id)
        row = changeable(await repository.find_tenant(connection, seen.tenant_id, lock=True), seen.tenant_id)
        _check_unchanged(row, seen)
        await claim_host(connection, request.spec)
        revision = row.revision + 1 if revises else row.revision
        deployment = _new_deployment(request, generation, revision)
        status = rules.status_while_deploying(row.status) if request.deploys else row.status
        values = {
            "generation": generation,
            "revision": revision,
            "status": status,
            "target": request.target if request.deploys else row.target,
            "options": request.options.model_dump(),
        }
        specification = rules.tenant_values(request.spec, request.sizing)
        updated_at = await repository.update_tenant(connection, row.id, specification | values)
        await repository.replace_services(connection, row.id, rules.service_rows(request.sizing))
        updated = events.TenantUpdated(
            tenant_id=row.tenant_id, spec=request.spec, revision=revision, sizing=request.sizing
        )
        await self._publish(connection, row.id, request, deployment, after=[updated] if revises else [])
        kind = await kind_of(connection, deployment.deployment_id) if deployment else "deploy"
        before, after = recorded_row(row), recorded_request(request, revision)
        made = deployment.deployment_id if deployment else None
        await record(connection, operation, tenant_id=row.tenant_id, deployment_id=made, before=before, after=after)
        answer = _answer_fields(
            request,
            deployment,
            status=status,
            revision=revision,
            generation=generation,
            deployment_time=await self._deployment_time(connection, request, kind),
        )
        return TenantChanged(**answer, updated_at=updated_at)

    async def mark_for_deletion(
        self, connection: AsyncConnection, tenant_id: str, default_target: str, *, force: bool
    ) -> tuple[TenantRow, str]:
        """The tenant and the id of its deletion: a new one, or without `force` the one in progress."""
        # An unused generation does no harm: generations only have to rise.
        generation = await repository.next_generation(connection, tenant_id)
        row = await repository.find_tenant(connection, tenant_id, lock=True)
        if row is None:
            raise tenant_not_found(tenant_id)
        latest = await latest_deployment_id(connection, row.id)
        if row.status == "deleting" and latest is not None and not force:
            return row, latest
        deployment = NewDeployment.with_new_id(
            "del",
            generation=generation,
            revision=row.revision,
            target=row.target or default_target,
            options=row.stored_options,
        )
        await repository.update_tenant(connection, row.id, {"status": "deleting", "generation": generation})
        values = deployment_values(row.id, deployment, Operation.DELETE)
        requested = operation_requested(tenant_id, deployment, Operation.DELETE, force=force)
        await request_deployment(connection, self._context.outbox, values, requested)
        deployed = {"revision": row.revision, "target": row.target}
        await record(
            connection,
            "deleteTenant",
            tenant_id=tenant_id,
            deployment_id=deployment.deployment_id,
            # Not as a specification: a row inserted by hand may have none, and can be deleted all the same.
            before={**deployed, "status": row.status, "service_requirements": row.service_requirements},
            after={**deployed, "status": "deleting", "force": force},
        )
        return row, deployment.deployment_id

    async def _deployment_time(self, connection: AsyncConnection, request: SizedRequest, kind: str) -> str:
        """The estimated duration of a deployment that is written in this transaction, or of a later one."""
        return (await self._estimates.estimate(connection, request.target, kind, request.sizing)).text

    async def _publish(
        self,
        connection: AsyncConnection,
        row_id: int,
        request: SizedRequest,
        deployment: NewDeployment | None,
        *,
        after: Sequence[events.Event],
    ) -> None:
        """Publish the events `after` which the deployment is requested, if it is."""
        outbox = self._context.outbox
        if deployment is None:
            for each in after:
                await outbox.add(connection, each)
            return
        values: dict[str, Any] = deployment_values(row_id, deployment)
        requested = deploy_requested(request.deployed, request.sizing, deployment)
        await request_deployment(connection, outbox, values, requested, after=after)


def recorded_request(request: SizedRequest, revision: int) -> dict[str, Any]:
    """A tenant as the audit trail has it, after an operation."""
    options = request.options.model_dump(mode="json")
    return _recorded(request.spec, revision, request.target if request.deploys else None, options)


def recorded_row(row: TenantRow) -> dict[str, Any]:
    """A tenant as the audit trail has it, before an operation."""
    return _recorded(rules.spec_of_row(row), row.revision, row.target, row.options or {})


def _recorded(spec: TenantSpec, revision: int, target: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    fields = {**spec.model_dump(mode="json", exclude_none=True), "revision": revision, "options": options}
    return fields | ({"target": target} if target else {})


async def refuse_existing(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise Refused (TENANT_ALREADY_EXISTS) if there is a tenant with this id."""
    row = await repository.find_tenant(connection, tenant_id)
    if row is not None and not is_visible(tenant_id):
        # That the id is in use can't be hidden; everything else about the tenant is.
        raise Refused(
            f"the id {tenant_id!r} is in use; choose another id",
            code="TENANT_ALREADY_EXISTS",
            message_id="tenant-id-in-use",
            details={"tenant_id": tenant_id},
        )
    if row is not None:
        advice = "wait until it is deleted" if row.status == "deleting" else "change it by PUT"
        raise Refused(
            f"tenant {tenant_id!r} exists already and is {row.status}; {advice}, or choose another id",
            code="TENANT_ALREADY_EXISTS",
            details={"tenant_id": tenant_id, "existing_status": row.status},
        )


def _check_unchanged(row: TenantRow, seen: TenantRow) -> None:
    """Raise TenantOutdated if the tenant isn't any more as in `seen`, Refused if it was deleted and made again."""
    if row.id != seen.id:
        # The caller's right to the earlier one doesn't hold for it, so the call isn't repeated.
        raise tenant_not_found(seen.tenant_id)
    if _version(row) != _version(seen):
        raise TenantOutdated(seen.tenant_id)


def _version(row: TenantRow) -> tuple[Any, ...]:
    """What a request was made from. A deploy changes the options without a new revision."""
    return row.revision, row.target, row.options


def changeable(row: TenantRow | None, tenant_id: str) -> TenantRow:
    """The row, if the tenant exists and isn't being deleted. Raises Refused otherwise."""
    if row is None:
        raise tenant_not_found(tenant_id)
    if row.status == "deleting":
        raise conflict(
            "tenant-being-deleted",
            f"tenant {tenant_id!r} is being deleted; wait until it is deleted",
            tenant_id=tenant_id,
            existing_status=row.status,
        )
    return row


def _new_deployment(request: SizedRequest, generation: int, revision: int) -> NewDeployment | None:
    if not request.deploys:
        return None
    return NewDeployment.with_new_id(
        "dep", generation=generation, revision=revision, target=request.target, options=request.options
    )


def _answer_fields(
    request: SizedRequest,
    deployment: NewDeployment | None,
    *,
    status: str,
    revision: int,
    generation: int,
    deployment_time: str,
) -> Mapping[str, Any]:
    """The fields of `SizedTenantAnswer`."""
    answer = SizedTenantAnswer.model_validate(
        {
            "tenant_id": request.spec.tenant_id,
            "status": status,
            "deployment_id": deployment.deployment_id if deployment else None,
            "estimated_resources": request.sizing.resources,
            "estimated_cost": request.sizing.estimated_cost,
            "deployment_time": deployment_time,
            "preset": request.sizing.preset,
            "revision": revision,
            "generation": generation,
            "target": deployment.target if deployment else None,
            "notes": list(request.notes),
        }
    )
    return dict(answer)
