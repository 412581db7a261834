"""Requests of other systems: plain JSON on `tenant.created` or `deploy.requested`, with the outcome of the REST call.

The fields are those of the REST body, at the top or below `spec`. A tenant without an id gets one that is derived from
the message's place in its stream, so a repeated delivery means the same tenant. A request that REST would refuse
becomes a dead letter with the same message; only unknown fields are ignored. Generation, revision and deployment id are
given by the gateway; those of a sender are ignored. If NATS has our accounts, events of other systems arrive on
`outside.`, and are requests whatever their headers are.

An event is identified by its source and its id, as in CloudEvents, for longer than the stream keeps it. A second event
with the same source and id and another body is refused.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
import structlog
from pydantic import ValidationError

from services.gateway.access.authorization import Begin, admit
from services.gateway.audit.entries import Outcome
from services.gateway.audit.refusals import Refusals, call_of
from services.gateway.http import request_context
from services.gateway.http.problems import refusal
from services.gateway.http.request_context import RequestContext
from services.gateway.idempotency.repository import EVENT_SCOPE
from services.gateway.idempotency.transaction import CallKey, is_executed
from services.gateway.mode_context import ModeContexts
from services.gateway.tenants.commands import TenantCommands
from services.gateway.tenants.schemas import DeployRequest, TenantChange, TenantCreate
from shared.bus import Delivery, derived_id
from shared.errors import Refused, TemporaryError
from shared.events import OutsideRequest
from shared.identity.systems import OutsideSystems
from shared.subjects import Mode, Subject
from shared.systems import is_named
from shared.tenants import Model

M = TypeVar("M", bound=Model)
_log = structlog.get_logger(__name__)
_IGNORED = frozenset(("spec", "generation", "revision", "deployment_id"))
_LONGEST_TENANT_ID = 100
"""Characters of what a sender calls a tenant, in the audit trail."""


async def execute(
    request: OutsideRequest,
    delivery: Delivery,
    *,
    modes: ModeContexts,
    systems: OutsideSystems,
    refusals: Mapping[Mode, Refusals],
) -> None:
    """Execute the request of another system, once. `systems` has the role and the tenants of each."""
    context = modes[delivery.mode]
    key = event_key(request, delivery)
    fields = _flat(request.fields)
    fields.setdefault("tenant_id", generated_tenant_id(delivery))
    caller = systems.caller(delivery.system)
    with request_context.requesting(RequestContext(delivery.correlation_id, mode=delivery.mode, caller=caller)):
        if await is_executed(context.database, key):
            _log.info("Skipped duplicate delivery", action="skip-repeated")
            return
        commands, begin = TenantCommands(context), context.database.begin
        try:
            if request.subject == Subject.TENANT_CREATED:
                await _create(fields, commands, key, begin)
            else:
                await _deploy(fields, commands, key, begin)
        except Refused as refused:
            if refused.code == "CONFLICT":
                # Another request changes the tenant concurrently: a REST client would be told to try again.
                raise TemporaryError(refused.message) from refused
            _note(refused, request.subject, fields, refusals[delivery.mode])
            raise


def _note(refused: Refused, subject: str, fields: Mapping[str, Any], refusals: Refusals) -> None:
    """Note a refused request for the audit trail, as one by REST."""
    request = request_context.current()
    request.refusal = refused
    tenant_id = str(fields["tenant_id"])[:_LONGEST_TENANT_ID]
    operation = "createTenant" if subject == Subject.TENANT_CREATED else "deployTenant"
    refusals.note(call_of(request, operation, tenant_id, Outcome.REFUSED), request.request_id, None)


async def _create(fields: dict[str, Any], commands: TenantCommands, key: CallKey, begin: Begin) -> None:
    await admit("create_tenant", {}, begin)
    created = await commands.create(_read(TenantCreate, fields), key)
    _log.info(
        "Created a tenant for another system",
        action="tenant-requested",
        tenant_id=created.tenant_id,
        deployment_id=created.deployment_id,
    )


async def _deploy(fields: dict[str, Any], commands: TenantCommands, key: CallKey, begin: Begin) -> None:
    """Deploy a new tenant, an existing one as it is, or an existing one with the changes in the event."""
    has_services = "service_requirements" in fields
    named = {"tenant_id": str(fields["tenant_id"])}
    try:
        if not has_services:
            await admit("deploy_tenant", named, begin)
            await commands.deploy(str(fields["tenant_id"]), _read(DeployRequest, fields), key)
            return
        await _create({**fields, "deploy": True}, commands, key, begin)
    except Refused as refused:
        if refused.code != "TENANT_ALREADY_EXISTS" or not has_services:
            raise
        await admit("change_tenant", named, begin)
        change = _read(TenantChange, {**fields, "deploy": True})
        await commands.change(str(fields["tenant_id"]), change, key)


def generated_tenant_id(delivery: Delivery) -> str:
    """A tenant id from the message's place in its stream: the same at each delivery, also if sequences are reused."""
    place = derived_id(*delivery.place)[:8]
    if is_named(delivery.system):
        # A tenant id has at most 50 characters.
        return f"tenant-{delivery.system[:20]}-{delivery.sequence}-{place}"
    return f"tenant-{delivery.stream.lower().replace('_', '-')}-{delivery.sequence}-{place}"


def event_key(request: OutsideRequest, delivery: Delivery) -> CallKey:
    """The idempotency key of an event. It includes the system's name, because a sender may choose any source."""
    system = (delivery.system,) if is_named(delivery.system) else ()
    body = orjson.dumps(request.fields, option=orjson.OPT_SORT_KEYS)
    return CallKey(
        scope=f"{EVENT_SCOPE}{request.subject}",
        key=derived_id(*system, delivery.source, delivery.event_id),
        fingerprint=hashlib.sha256(body).hexdigest(),
    )


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields at the top and below `spec`, without nulls and without those that the gateway gives."""
    spec = fields.get("spec")
    below = spec if isinstance(spec, dict) else {}
    given = {name: value for name, value in {**below, **fields}.items() if value is not None}
    return {name: value for name, value in given.items() if name not in _IGNORED}


def _read(model: type[M], fields: dict[str, Any]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise refusal(error.errors()) from error
