"""Requests of other systems: plain JSON on `tenant.created` or `deploy.requested`, with the outcome of the REST call.

The fields are those of the REST body, at the top or below `spec`. A tenant without an id gets one from the message's
place in its stream, so that a repeated delivery means the same tenant. What REST would refuse becomes a dead letter
with the same words, and nothing else happens. Numbers (generation, revision, deployment id) are the gateway's to give:
a sender's own are left out. Where NATS has our accounts, what comes from elsewhere comes on `outside.` and is a
request whatever it says of itself.

An event is known by its source and its id, as CloudEvents has it, for longer than the stream keeps it. The same ones
with another body are refused.
"""

import hashlib
from typing import Any, TypeVar

import orjson
import structlog
from pydantic import ValidationError

from services.gateway.http import request_context
from services.gateway.http.request_context import RequestContext
from services.gateway.http.validation import refusal
from services.gateway.idempotency.calls import Once
from services.gateway.outbox.repository import EVENT_SCOPE
from services.gateway.tenants.commands import Commands
from services.gateway.tenants.schemas import DeployRequest, TenantChange, TenantCreate
from shared.bus import Delivery, derived_id
from shared.errors import Refused, TemporaryError
from shared.events import OutsideRequest
from shared.subjects import Subject
from shared.systems import is_named
from shared.tenants import Model

M = TypeVar("M", bound=Model)
_log = structlog.get_logger(__name__)
_NOT_THEIRS = frozenset(("spec", "generation", "revision", "deployment_id"))


async def take_in(request: OutsideRequest, delivery: Delivery, *, commands: Commands) -> None:
    """Do what another system asks for, once."""
    call = _once(request, delivery)
    fields = _flat(request.fields)
    fields.setdefault("tenant_id", _name(delivery))
    with request_context.requesting(RequestContext(delivery.correlation_id, mode=delivery.mode)):
        if await commands.is_done(delivery.mode, call):
            _log.info("An event came again that is done.", action="skip-repeated")
            return
        try:
            if request.subject == Subject.TENANT_CREATED:
                await _create(fields, delivery, commands, call)
            else:
                await _deploy(fields, delivery, commands, call)
        except Refused as refused:
            if refused.code == "CONFLICT":
                # Somebody changes the tenant at the same moment: by REST one is told to try again.
                raise TemporaryError(refused.message) from refused
            raise


async def _create(fields: dict[str, Any], delivery: Delivery, commands: Commands, call: Once) -> None:
    named = {"name": fields["tenant_id"], **fields}
    answer = await commands.create(delivery.mode, _read(TenantCreate, named), call)
    _log.info(
        "Another system's tenant is taken in.",
        action="tenant-taken-in",
        tenant_id=answer.tenant_id,
        deployment_id=answer.deployment_id,
    )


async def _deploy(fields: dict[str, Any], delivery: Delivery, commands: Commands, call: Once) -> None:
    """Deploy the tenant that is meant: a new one, one as it stands, or one that is changed by the same event."""
    asks_for_services = "service_requirements" in fields
    try:
        if not asks_for_services:
            request = _read(DeployRequest, fields)
            await commands.deploy(delivery.mode, str(fields["tenant_id"]), request, call)
            return
        await _create({**fields, "deploy": True}, delivery, commands, call)
    except Refused as refused:
        if refused.code != "TENANT_ALREADY_EXISTS" or not asks_for_services:
            raise
        change = _read(TenantChange, {**fields, "deploy": True})
        await commands.change(delivery.mode, str(fields["tenant_id"]), change, call)


def _name(delivery: Delivery) -> str:
    """Of the message's place in its stream, the same at each delivery, and no other's though a stream is made again."""
    if is_named(delivery.system):
        # An id has 50 characters at most.
        return f"tenant-{delivery.system[:20]}-{delivery.sequence}-{derived_id(*delivery.place)[:8]}"
    return f"tenant-{delivery.stream.lower().replace('_', '-')}-{delivery.sequence}-{derived_id(*delivery.place)[:8]}"


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    spec = fields.get("spec")
    below = spec if isinstance(spec, dict) else {}
    given = {name: value for name, value in {**below, **fields}.items() if value is not None}
    return {name: value for name, value in given.items() if name not in _NOT_THEIRS}


def _once(request: OutsideRequest, delivery: Delivery) -> Once:
    """At a second delivery the first outcome stands. A source is what the sender makes of it, a system's name isn't."""
    system = (delivery.system,) if is_named(delivery.system) else ()
    body = orjson.dumps(request.fields, option=orjson.OPT_SORT_KEYS)
    return Once(
        scope=f"{EVENT_SCOPE}{request.subject}",
        key=derived_id(*system, delivery.source, delivery.event_id),
        fingerprint=hashlib.sha256(body).hexdigest(),
    )


def _read(model: type[M], fields: dict[str, Any]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise refusal(error.errors()) from error
