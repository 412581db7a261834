"""Which bodies may have the fields of other clients."""

from services.gateway.http.known_fields import KnownField, KnownFields
from services.gateway.tenants.known_fields import OF_CHANGES, OF_TENANTS
from services.gateway.tenants.schemas import TenantChange, TenantCreate, TenantDetail, TenantPatch
from services.gateway.tenants.sizing_schemas import CalculateResources

_IGNORED = KnownField()
KNOWN_FIELDS: KnownFields = {
    TenantCreate: OF_TENANTS,
    TenantChange: OF_TENANTS | OF_CHANGES,
    TenantPatch: OF_TENANTS | OF_CHANGES,
    # A calculation is asked with the body of a creation, or with a tenant as it is shown, too.
    CalculateResources: dict.fromkeys(
        TenantCreate.model_fields.keys() | TenantDetail.model_fields.keys() | OF_TENANTS.keys() | OF_CHANGES.keys(),
        _IGNORED,
    ),
}
