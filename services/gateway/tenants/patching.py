"""A merge patch of a tenant (RFC 7396) as the change that a PUT would ask for. Pure.

The patch is applied to the tenant's document: its specification, and the options of its last deployment.
"""

from typing import Any

from pydantic import ValidationError

from services.gateway.http.body_check import BodyCheck
from services.gateway.http.problems import refusal
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.rules import spec_of_row
from services.gateway.tenants.schemas import TenantChange, TenantPatch
from shared.merge_patch import merge_patch
from shared.tenants import TenantSpec

_REQUIRED = {"service_requirements": dict[str, int]()}
"""Fields without a default. Emptied by null, they are refused as an empty field of a PUT is."""
_STRICT = BodyCheck(TenantChange, {})


def change_of_patch(row: TenantRow, patch: TenantPatch) -> TenantChange:
    """The change with the patched fields as a whole. Raises Refused for a field that is wrong after the merge."""
    given = patch.model_dump(mode="json", exclude_unset=True)
    merged = {name: each for name, each in merge_patch(_document(row), given).items() if name in given}
    reset = {name: _default(row, name) for name, each in given.items() if each is None}
    document = {**merged, **reset}
    _STRICT.check(document)
    try:
        return TenantChange.model_validate(document)
    except ValidationError as error:
        raise refusal([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


def _document(row: TenantRow) -> dict[str, Any]:
    spec = spec_of_row(row).model_dump(mode="json", exclude_none=True)
    return {**spec, "options": row.stored_options.model_dump(mode="json")}


def _default(row: TenantRow, name: str) -> Any:
    """The value of a field that null resets."""
    if name == "name":
        return row.tenant_id
    if name in _REQUIRED:
        return _REQUIRED[name]
    field = TenantSpec.model_fields.get(name)
    default = field.get_default(call_default_factory=True) if field else None
    return {} if name == "options" else default
