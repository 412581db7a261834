"""Which tenants the current caller may see. Pure.

What is filtered by these functions fails closed: outside of a request there is no caller, which may see no tenant.
"""

from services.gateway.http import request_context
from services.gateway.http.errors import tenant_not_found


def visible_tenants() -> list[str] | None:
    """The ids of the tenants, for a query; None for every tenant."""
    tenants = request_context.current().caller.tenants
    return None if tenants is None else sorted(tenants)


def is_visible(tenant_id: str) -> bool:
    """Whether the tenant exists for the caller."""
    return request_context.current().caller.may_see(tenant_id)


def check_visible(tenant_id: str) -> None:
    """Raise Refused (TENANT_NOT_FOUND) if the tenant doesn't exist for the caller, whether it exists or not."""
    if not is_visible(tenant_id):
        raise tenant_not_found(tenant_id)
