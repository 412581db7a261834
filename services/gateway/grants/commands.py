"""Gives tenants to callers and takes them away. The calls are for administrators, except to read who has a tenant."""

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access import repository
from services.gateway.access.grants import name_of
from services.gateway.audit.recording import record
from services.gateway.grants.schemas import GrantedKind, TenantAccess, TenantGrant
from services.gateway.http import request_context
from services.gateway.http.errors import conflict, found_tenant, invalid
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.errors import Refused
from shared.messages import sentence

_MOST_GRANTS = 1000
"""Grants of one tenant."""
LONGEST_SUBJECT = 255
"""OpenID Connect limits `sub` to 255 ASCII characters."""
_log = structlog.get_logger(__name__)


class AccessCommands:
    """The grants of one mode. Each raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database

    async def list(self, tenant_id: str) -> TenantAccess:
        """Who was given the tenant."""
        async with self._database.begin() as connection:
            row = found_tenant(await find_tenant(connection, tenant_id), tenant_id)
            return await _answer(connection, tenant_id, row.id)

    async def grant(self, tenant_id: str, kind: GrantedKind, subject: str) -> TenantAccess:
        """Give the tenant to a caller. A grant that is there already stays as it is."""
        _check_subject(subject)
        async with self._database.begin() as connection:
            # The tenant's row lock serializes its grants, so that their number stays bounded.
            row = found_tenant(await find_tenant(connection, tenant_id, lock=True), tenant_id)
            by = name_of(request_context.current().caller)
            if await repository.insert_grant(connection, row.id, kind, subject, granted_by=by):
                grant = {"kind": kind, "subject": subject}
                await record(connection, "grantTenantAccess", tenant_id=tenant_id, object_id=subject, after=grant)
            if await repository.count_grants(connection, row.id) > _MOST_GRANTS:
                raise conflict(
                    "too-many-grants",
                    f"a tenant has at most {_MOST_GRANTS} grants; revoke one first",
                    most=_MOST_GRANTS,
                )
            answer = await _answer(connection, tenant_id, row.id)
        _log.info("Tenant granted", action="tenant-granted", tenant_id=tenant_id, kind=kind, subject=subject)
        return answer

    async def revoke(self, tenant_id: str, kind: GrantedKind, subject: str) -> TenantAccess:
        """Take the tenant away from a caller; its next call is answered as if the tenant didn't exist."""
        _check_subject(subject)
        async with self._database.begin() as connection:
            row = found_tenant(await find_tenant(connection, tenant_id, lock=True), tenant_id)
            if not await repository.delete_grant(connection, row.id, kind, subject):
                raise Refused(
                    f"tenant {tenant_id!r} wasn't given to the {kind} {subject!r}",
                    code="NOT_FOUND",
                    message_id="grant-not-found",
                    details={"tenant_id": tenant_id, "kind": kind, "subject": subject},
                )
            grant = {"kind": kind, "subject": subject}
            await record(connection, "revokeTenantAccess", tenant_id=tenant_id, object_id=subject, before=grant)
            answer = await _answer(connection, tenant_id, row.id)
        _log.info("Tenant revoked", action="tenant-revoked", tenant_id=tenant_id, kind=kind, subject=subject)
        return answer


async def _answer(connection: AsyncConnection, tenant_id: str, row_id: int) -> TenantAccess:
    rows = await repository.list_grants(connection, row_id)
    return TenantAccess(tenant_id=tenant_id, access=[TenantGrant.model_validate(dict(row._mapping)) for row in rows])


def _check_subject(subject: str) -> None:
    """PostgreSQL refuses some texts with an error, and a control character in a log misleads."""
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isascii() and subject.isprintable()):
        english = "must be 1 to {most} printable ASCII characters"
        raise invalid("subject", sentence("subject-unusable", english, most=LONGEST_SUBJECT))
