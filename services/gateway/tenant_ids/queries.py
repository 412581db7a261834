"""Whether an id can be used. Only an answer: another request may create the tenant in the next moment."""

from typing import Any

from sqlalchemy import Row

from services.gateway.access.visibility import is_visible
from services.gateway.http import request_context
from services.gateway.http.language import translator
from services.gateway.http.parameters import is_possible_id
from services.gateway.mode_context import ModeContext
from services.gateway.tenant_ids import repository
from services.gateway.tenant_ids.schemas import ExistingTenant, IdAvailability
from services.gateway.tenant_ids.suggestions import MOST, candidates, problem_of
from shared.messages import Sentence, sentence


class TenantIdQueries:
    """The ids of one mode. Raises DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database

    async def check(self, tenant_id: str) -> IdAvailability:
        """Whether a tenant can be created with `tenant_id`, why not, and which similar ids can be used."""
        others, problem = candidates(tenant_id), problem_of(tenant_id)
        wanted = [tenant_id, *others] if is_possible_id(tenant_id) else others
        with request_context.timed("database"):
            async with self._database.begin() as connection:
                taken = await repository.in_use(connection, wanted)
        existing = taken.get(tenant_id)
        available = problem is None and existing is None
        seen = existing if is_visible(tenant_id) else None
        return IdAvailability(
            tenant_id=tenant_id,
            available=available,
            valid=problem is None,
            message=translator().text(*_reason(tenant_id, problem, seen, is_available=available)),
            suggestions=[] if available else [each for each in others if each not in taken][:MOST],
            existing_tenant=ExistingTenant.model_validate(seen, from_attributes=True) if seen else None,
        )


def _reason(
    tenant_id: str, problem: Sentence | None, existing: Row[*tuple[Any, ...]] | None, *, is_available: bool
) -> Sentence:
    """`existing` is the tenant with the id if the caller may see it: of any other only that the id is in use."""
    if problem is not None:
        return problem
    if existing is None and not is_available:
        return sentence("id-in-use-elsewhere", "the id {tenant_id} is in use", tenant_id=repr(tenant_id))
    if existing is None:
        return sentence("id-available", "the id {tenant_id} is available", tenant_id=repr(tenant_id))
    if existing.status == "deleting":
        english = "the tenant {tenant_id} is being deleted; its id is available after that"
        return sentence("id-being-deleted", english, tenant_id=repr(tenant_id))
    english = "the id {tenant_id} is in use by a tenant that is {status}"
    return sentence("id-in-use", english, tenant_id=repr(tenant_id), status=existing.status)
