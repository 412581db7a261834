"""Creates, changes, deploys and deletes tenants: rows and events in one transaction, or nothing.

Sizing is asked for before the transaction: nothing may be written without it, and no lock should wait for a worker.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import structlog

from services.gateway.deployments.schemas import DeployAccepted
from services.gateway.http import request_context
from services.gateway.http.errors import conflict
from services.gateway.http.language import translate
from services.gateway.idempotency.calls import Once, claim, is_done, recall, remember
from services.gateway.tenants import repository as store
from services.gateway.tenants import rules as tenancy
from services.gateway.tenants.admission import Admission
from services.gateway.tenants.repository import TenantRow
from services.gateway.tenants.rules import Targets
from services.gateway.tenants.schemas import (
    DeployRequest,
    RollOutAnswer,
    TenantChange,
    TenantChanged,
    TenantCreate,
    TenantCreated,
    TenantDeletion,
)
from services.gateway.tenants.transactions import (
    OutdatedError,
    Plan,
    Written,
    changeable,
    insert_tenant,
    mark_for_deletion,
    refuse_taken,
    revise_tenant,
    stored_options,
)
from services.gateway.workers import Questions
from shared.catalog import Catalog
from shared.database import Databases
from shared.errors import Refused
from shared.events import DeployOptions
from shared.sizing import Sizing
from shared.subjects import Mode
from shared.tenants import Model, TenantSpec

M = TypeVar("M", bound=Model)
_log = structlog.get_logger(__name__)
_ATTEMPTS = 3
"""Times that an operation is worked out because the tenant changed meanwhile."""


class Wish(NamedTuple):
    """An operation on a tenant that exists, before it is sized."""

    spec: TenantSpec
    target: str
    options: DeployOptions
    deploys: bool
    revises: bool
    notes: tuple[str, ...]


class Commands:
    """The operations. Each raises Refused, or DependencyUnavailable when a worker or PostgreSQL is away."""

    def __init__(
        self, databases: Databases, questions: Questions, catalog: Catalog, targets: Targets, admission: Admission
    ) -> None:
        self._databases = databases
        self._questions = questions
        self._catalog = catalog
        self._targets = targets
        self._admission = admission

    async def is_done(self, mode: Mode, call: Once) -> bool:
        """Whether `call` has been answered. Raises Refused (CONFLICT) if it was another one."""
        async with self._databases[mode].begin() as connection:
            return await is_done(connection, call)

    async def create(self, mode: Mode, request: TenantCreate, call: Once | None) -> TenantCreated:
        """Store a new tenant, and ask for its deployment unless `deploy` is false."""
        spec = tenancy.spec_of_request(request)
        self._check(spec)
        target, notes = self._targets.choose(mode, request.target)
        if call is not None:
            async with self._databases[mode].begin() as connection:
                if answered := await recall(connection, call, TenantCreated):
                    return answered
        sizing = await self._questions.size_spec(mode, spec)
        if request.deploy:
            notes = [*notes, *await self._admit_new(mode, spec, target, sizing, request.options)]
        notes = [*(notes if request.deploy else []), *_warnings(sizing)]
        plan = Plan(mode, spec, sizing, target, request.options, request.deploy, revises=True, notes=tuple(notes))
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                if answered := await claim(connection, call, TenantCreated):
                    return answered
                written = await insert_tenant(connection, plan)
                answer = TenantCreated(**_roll_out_answer(plan, written), created_at=written.time)
                await remember(connection, call, answer)
        _tell("A tenant is created.", "tenant-created", spec.tenant_id, written.deployment_id)
        return answer

    async def change(self, mode: Mode, tenant_id: str, change: TenantChange, call: Once | None = None) -> TenantChanged:
        """A new revision, rolled out unless the tenant was never deployed or `deploy` is false."""

        def wish(row: TenantRow) -> Wish:
            spec = tenancy.changed_spec(tenancy.spec_of_row(row), change)
            target, notes = self._targets.choose(mode, None, row.target)
            deploys = row.target is not None if change.deploy is None else change.deploy
            options = change.options or stored_options(row)
            return Wish(spec, target, options, deploys, revises=True, notes=tuple(notes if deploys else ()))

        def answer(plan: Plan, written: Written) -> TenantChanged:
            return TenantChanged(**_roll_out_answer(plan, written), updated_at=written.time)

        changed = await self._revise(mode, tenant_id, wish, answer, call=call, model=TenantChanged)
        _tell("A tenant is changed.", "tenant-changed", tenant_id, changed.deployment_id)
        return changed

    async def deploy(self, mode: Mode, tenant_id: str, request: DeployRequest, call: Once | None) -> DeployAccepted:
        """Deploy the tenant's present revision."""

        def wish(row: TenantRow) -> Wish:
            target, notes = self._targets.choose(mode, request.target, row.target)
            options = request.options or stored_options(row)
            return Wish(tenancy.spec_of_row(row), target, options, deploys=True, revises=False, notes=tuple(notes))

        def answer(plan: Plan, written: Written) -> DeployAccepted:
            return DeployAccepted(
                tenant_id=tenant_id,
                deployment_id=str(written.deployment_id),
                status="pending",
                generation=written.generation,
                target=plan.target,
                notes=list(plan.notes),
            )

        accepted = await self._revise(mode, tenant_id, wish, answer, call=call, model=DeployAccepted)
        _tell("A tenant is to be deployed.", "deployment-requested", tenant_id, accepted.deployment_id)
        return accepted

    async def delete(self, mode: Mode, tenant_id: str, *, force: bool) -> TenantDeletion:
        """Ask for the deletion. One that is under way already is answered again, unless this one is to be forced."""
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                target, _ = self._targets.choose(mode, None)
                row, deletion_id = await mark_for_deletion(connection, mode, tenant_id, target, force=force)
        request_context.current().tenant_id = tenant_id
        _tell("A tenant is to be deleted.", "deletion-requested", tenant_id, deletion_id)
        sizing = Sizing.model_validate(row.sizing) if row.sizing else None
        started = translate(
            "deletion-started", "the tenant's deletion has begun", {}, request_context.current().language
        )
        return TenantDeletion(
            message=started,
            deletion_id=deletion_id,
            estimated_time=tenancy.deletion_time(sizing),
            tenant_id=tenant_id,
            status="deleting",
        )

    async def _revise(
        self,
        mode: Mode,
        tenant_id: str,
        wish: Callable[[TenantRow], Wish],
        answer: Callable[[Plan, Written], M],
        *,
        call: Once | None,
        model: type[M],
    ) -> M:
        """Work out, size and write an operation; again if the tenant changes in between."""
        for _ in range(_ATTEMPTS):
            async with self._databases[mode].begin() as connection:
                if answered := await recall(connection, call, model):
                    return answered
                row = changeable(await store.find_tenant(connection, tenant_id), tenant_id)
            plan = await self._plan(mode, wish(row))
            try:
                with request_context.timed("database"):
                    async with self._databases[mode].begin() as connection:
                        if answered := await claim(connection, call, model):
                            return answered
                        return await remember(
                            connection, call, answer(plan, await revise_tenant(connection, row, plan))
                        )
            except OutdatedError:
                continue
        raise conflict("the tenant is being changed by others; try again", tenant_id=tenant_id)

    async def _plan(self, mode: Mode, wish: Wish) -> Plan:
        self._check(wish.spec)
        sizing = await self._questions.size_spec(mode, wish.spec)
        room = self._admission.of_sizing(wish.target, wish.spec.tenant_id, sizing)
        admitted = await self._admission.admit(mode, room, wish.options) if wish.deploys else ()
        notes = (*wish.notes, *admitted, *_warnings(sizing))
        return Plan(mode, wish.spec, sizing, wish.target, wish.options, wish.deploys, wish.revises, notes)

    async def _admit_new(
        self, mode: Mode, spec: TenantSpec, target: str, sizing: Sizing, options: DeployOptions
    ) -> tuple[str, ...]:
        """Notes on the room for a new tenant. Raises Refused; that its id is taken is the better reason."""
        try:
            return await self._admission.admit(mode, self._admission.of_sizing(target, spec.tenant_id, sizing), options)
        except Refused:
            async with self._databases[mode].begin() as connection:
                await refuse_taken(connection, spec.tenant_id)
            raise

    def _check(self, spec: TenantSpec) -> None:
        """What the catalogue knows better than a model."""
        self._catalog.check_requirements(spec.service_requirements)
        if spec.preset is not None:
            self._catalog.check_preset(spec.preset)
        if spec.gpu_type is not None:
            self._catalog.check_gpu_type(spec.gpu_type)


def _warnings(sizing: Sizing) -> tuple[str, ...]:
    """In the request's language; a sizing of an older calculator has them in English alone."""
    return sizing.warnings_ko if request_context.current().language == "ko" and sizing.warnings_ko else sizing.warnings


def _roll_out_answer(plan: Plan, written: Written) -> dict[str, object]:
    """The fields of `RollOutAnswer`."""
    return dict(
        RollOutAnswer(
            tenant_id=plan.spec.tenant_id,
            status=written.status,
            deployment_id=written.deployment_id,
            estimated_resources=plan.sizing.resources,
            estimated_cost=plan.sizing.estimated_cost,
            deployment_time=plan.sizing.deployment_time,
            preset=plan.sizing.preset,
            revision=written.revision,
            generation=written.generation,
            target=plan.target if plan.deploys else None,
            notes=list(plan.notes),
        )
    )


def _tell(sentence: str, action: str, tenant_id: str, deployment_id: str | None) -> None:
    request_context.current().tenant_id = tenant_id
    _log.info(sentence, action=action, tenant_id=tenant_id, deployment_id=deployment_id)
