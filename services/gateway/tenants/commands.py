"""Creates, changes, deploys and deletes tenants: all rows and events in one transaction."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from services.gateway.durations.estimates import DurationEstimates, stored_sizing
from services.gateway.http import request_context
from services.gateway.http.errors import conflict
from services.gateway.http.language import translator
from services.gateway.idempotency.transaction import CallKey, first_answer, idempotent
from services.gateway.mode_context import ModeContext
from services.gateway.tenants import repository, rules
from services.gateway.tenants.admission import INSUFFICIENT_RESOURCES
from services.gateway.tenants.patching import change_of_patch
from services.gateway.tenants.requests import RequestSizing, SizedRequest
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import (
    DeployAccepted,
    DeployRequest,
    TenantChange,
    TenantChanged,
    TenantCreate,
    TenantCreated,
    TenantDeletion,
    TenantPatch,
)
from services.gateway.tenants.takeover import check_takeover
from services.gateway.tenants.targets import TargetChoice
from services.gateway.tenants.transactions import TenantOutdated, TenantTransactions, changeable, refuse_existing
from shared.errors import Refused
from shared.events import Operation
from shared.messages import sentence

P = ParamSpec("P")
R = TypeVar("R")
_log = structlog.get_logger(__name__)
_ATTEMPTS = 3
"""Attempts of an operation whose tenant is changed by others between its reading and its transaction."""

Command = Callable[Concatenate["TenantCommands", P], Awaitable[R]]


def _retried_if_outdated(command: Command[P, R]) -> Command[P, R]:
    """Repeat a command that raised TenantOutdated. Raises Refused (CONFLICT) after the last attempt."""

    @wraps(command)
    async def retried(self: "TenantCommands", /, *args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await command(self, *args, **kwargs)
            except TenantOutdated as outdated:
                if attempt == _ATTEMPTS:
                    raise conflict(
                        "tenant-changed-by-others",
                        "the tenant is being changed by others; try again",
                        tenant_id=outdated.tenant_id,
                    ) from None
        raise AssertionError

    return retried


class TenantCommands:
    """The operations of one mode.

    Each raises Refused, or DependencyUnavailable while a worker or PostgreSQL is away.
    """

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._settings = context.mode_settings
        self._workers = context.workers
        self._targets = TargetChoice(context.mode, context.settings.has_kubernetes)
        self._sizing = RequestSizing(context)
        self._transactions = TenantTransactions(context)
        self._estimates = DurationEstimates(context.catalog)

    async def create(self, create: TenantCreate, key: CallKey | None = None) -> TenantCreated:
        """Store a new tenant, and request its deployment unless `deploy` is false."""
        if answered := await first_answer(self._database, key, TenantCreated):
            return answered
        create = await self._with_defaults(create)
        spec = rules.spec_of_request(create)
        target, notes = self._targets.choose(create.target)
        await check_takeover(self._workers, spec.tenant_id, target, create.options)
        try:
            request = await self._sizing.size(spec, target, create.options, deploys=create.deploy, notes=notes)
        except Refused as refused:
            if refused.code == INSUFFICIENT_RESOURCES:
                await self._refuse_existing(spec.tenant_id)
            raise
        with request_context.timed("database"):
            async with idempotent(self._database, key, TenantCreated) as call:
                if call.first_answer is not None:
                    return call.first_answer
                created = call.keep(await self._transactions.insert(call.connection, request))
        _log_request("Tenant created", "tenant-created", spec.tenant_id, created.deployment_id)
        return created

    @_retried_if_outdated
    async def change(
        self, tenant_id: str, change: TenantChange | TenantPatch, key: CallKey | None = None
    ) -> TenantChanged:
        """Store a new revision, and deploy it unless the tenant was never deployed or `deploy` is false."""
        if answered := await first_answer(self._database, key, TenantChanged):
            return answered
        row = await self._changeable(tenant_id)
        operation = "patchTenant" if isinstance(change, TenantPatch) else "changeTenant"
        change = change_of_patch(row, change) if isinstance(change, TenantPatch) else change
        target, notes = self._targets.choose(None, row.target)
        spec = rules.changed_spec(rules.spec_of_row(row), change)
        rules.refuse_other_storage(row, spec)
        options = change.options or row.stored_options
        await check_takeover(self._workers, tenant_id, target, options)
        request = await self._sizing.size(
            spec,
            target,
            options,
            deploys=row.target is not None if change.deploy is None else change.deploy,
            notes=notes,
        )
        with request_context.timed("database"):
            async with idempotent(self._database, key, TenantChanged) as call:
                if call.first_answer is not None:
                    return call.first_answer
                written = await self._transactions.revise(call.connection, row, request, operation, revises=True)
                changed = call.keep(written)
        _log_request("Tenant changed", "tenant-changed", tenant_id, changed.deployment_id)
        return changed

    @_retried_if_outdated
    async def deploy(self, tenant_id: str, deploy: DeployRequest, key: CallKey | None = None) -> DeployAccepted:
        """Deploy the tenant's current revision."""
        if answered := await first_answer(self._database, key, DeployAccepted):
            return answered
        row = await self._changeable(tenant_id)
        wanted = deploy.target or (None if row.target else await self._default_target())
        target, notes = self._targets.choose(wanted, row.target)
        options = deploy.options or row.stored_options
        await check_takeover(self._workers, tenant_id, target, options)
        request = await self._sizing.size(rules.spec_of_row(row), target, options, deploys=True, notes=notes)
        with request_context.timed("database"):
            async with idempotent(self._database, key, DeployAccepted) as call:
                if call.first_answer is not None:
                    return call.first_answer
                revised = await self._transactions.revise(call.connection, row, request, "deployTenant", revises=False)
                accepted = call.keep(_deploy_accepted(revised, request))
        _log_request("Deployment requested", "deployment-requested", tenant_id, accepted.deployment_id)
        return accepted

    async def delete(self, tenant_id: str, *, force: bool) -> TenantDeletion:
        """Request the deletion. Without `force`, a deletion in progress is answered again."""
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                target, _ = self._targets.choose(None)
                row, deletion_id = await self._transactions.mark_for_deletion(
                    connection, tenant_id, target, force=force
                )
                estimate = await self._estimates.estimate(
                    connection, row.target or target, Operation.DELETE, stored_sizing(row.sizing)
                )
        _log_request("Tenant deletion requested", "deletion-requested", tenant_id, deletion_id)
        begun = sentence("deletion-started", "the tenant's deletion has begun")
        return TenantDeletion(
            message=translator().text(*begun),
            deletion_id=deletion_id,
            estimated_time=estimate.text,
            tenant_id=tenant_id,
            status="deleting",
        )

    async def _with_defaults(self, create: TenantCreate) -> TenantCreate:
        """The request with the mode's settings where it chooses nothing."""
        if create.target is not None and "availability" in create.sla_target.model_fields_set:
            return create
        settings = await self._settings.get()
        return rules.with_settings(create, settings, self._targets.possible)

    async def _changeable(self, tenant_id: str) -> TenantRow:
        async with self._database.begin() as connection:
            return changeable(await repository.find_tenant(connection, tenant_id), tenant_id)

    async def _default_target(self) -> str | None:
        target = (await self._settings.get()).target
        return target if target in self._targets.possible else None

    async def _refuse_existing(self, tenant_id: str) -> None:
        """That the id is in use is a better reason for a refusal than a lack of room."""
        async with self._database.begin() as connection:
            await refuse_existing(connection, tenant_id)


def _deploy_accepted(revised: TenantChanged, request: SizedRequest) -> DeployAccepted:
    return DeployAccepted(
        tenant_id=revised.tenant_id,
        deployment_id=str(revised.deployment_id),
        status="pending",
        generation=revised.generation,
        target=request.target,
        notes=revised.notes,
    )


def _log_request(sentence: str, action: str, tenant_id: str, deployment_id: str | None) -> None:
    request_context.current().tenant_id = tenant_id
    _log.info(sentence, action=action, tenant_id=tenant_id, deployment_id=deployment_id)
