"""What an operation on a tenant becomes: specifications and rows. Pure."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from services.gateway.http import request_context
from services.gateway.http.errors import conflict
from services.gateway.http.problems import refusal, refusal_of
from services.gateway.mode_settings.model import ModeSettings
from services.gateway.tenants.row import TenantRow
from services.gateway.tenants.schemas import TenantChange, TenantCreate
from shared.choices import ClusterOptions
from shared.events.statuses import TenantStatus
from shared.messages import problem, sentence
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget, TenantSpec

_SERVICE_TYPE = "ai_service"
_CHOICES = ("service_options", "cluster_options")
_CHANGEABLE = ("name", "service_requirements", "sla_target", "preset", "gpu_type", "description", *_CHOICES)


def spec_of_request(request: TenantCreate) -> TenantSpec:
    """The specification in a request, without how it is to be deployed."""
    return TenantSpec(**{name: getattr(request, name) for name in TenantSpec.model_fields})


def with_settings(create: TenantCreate, settings: ModeSettings, targets: Sequence[str]) -> TenantCreate:
    """A request with the availability and the target of the mode's settings, where it chooses none itself."""
    changes: dict[str, Any] = {}
    if "availability" not in create.sla_target.model_fields_set:
        changes["sla_target"] = create.sla_target.model_copy(update={"availability": settings.monitoring.sla_target})
    if create.target is None and settings.target in targets:
        changes["target"] = settings.target
    return create.model_copy(update=changes)


def spec_of_row(row: TenantRow) -> TenantSpec:
    """The specification of a stored tenant. Raises Refused for a row inserted by hand that isn't valid."""
    by_hand = row.sizing is None
    fields: dict[str, Any] = {
        "tenant_id": row.tenant_id,
        "name": row.name or row.tenant_id,
        "service_requirements": row.service_requirements,
        "sla_target": row.sla_target,
        # In a row inserted by hand, the columns of the sizing have what was asked for.
        "preset": row.preset if by_hand else row.requested_preset,
        "gpu_type": row.gpu_type if by_hand else row.requested_gpu_type,
        "description": row.description,
        **{name: chosen for name in _CHOICES if (chosen := getattr(row, name)) is not None},
    }
    return valid_spec(fields)


def cluster_options_of(row: TenantRow) -> ClusterOptions:
    """What a stored tenant chose for its cluster; nothing if a row inserted by hand has no valid value."""
    try:
        return ClusterOptions.model_validate(json_object(row.cluster_options))
    except ValidationError:
        return ClusterOptions()


def refuse_other_storage(row: TenantRow, spec: TenantSpec) -> None:
    """Raise Refused if `spec` has other storage classes than the volumes of a deployed tenant, which keep theirs."""
    before, after = cluster_options_of(row), spec.cluster_options
    if row.target is None or _storage(before) == _storage(after):
        return
    raise conflict(
        "storage-class-bound",
        "the storage class can't be changed after the first deployment, since volumes keep theirs; delete the tenant "
        "and create it again, or leave storage_class and shared_storage_class as they are",
        storage_class=before.storage_class,
        shared_storage_class=before.shared_storage_class,
    )


def _storage(options: ClusterOptions) -> tuple[str | None, str | None]:
    return options.storage_class, options.shared_storage_class


def changed_spec(spec: TenantSpec, change: TenantChange) -> TenantSpec:
    """`spec` with the fields that `change` has, which may be null. Raises Refused if it has none."""
    given = {name: getattr(change, name) for name in _CHANGEABLE if name in change.model_fields_set}
    if not given and change.deploy is None and change.options is None:
        english = "nothing to change; give at least one of {fields}"
        reasons = [
            sentence("nothing-to-change", english, fields=", ".join(_CHANGEABLE)),
            *request_context.current().notes,
        ]
        raise refusal_of([problem("body", each) for each in reasons], len(reasons))
    kept = {name: getattr(spec, name) for name in TenantSpec.model_fields}
    reset = {name for name in _CHOICES if name in given and given[name] is None}
    return valid_spec({name: value for name, value in {**kept, **given}.items() if name not in reset})


def status_while_deploying(status: str) -> TenantStatus:
    """A running tenant stays `running` while its new revision is deployed."""
    return "running" if status == "running" else "pending"


def availability_target(row: TenantRow) -> float:
    """The promised availability in percent; the default if a row inserted by hand has no valid one."""
    try:
        target = SlaTarget.model_validate(json_object(row.sla_target))
    except ValidationError:
        target = SlaTarget()
    return round(target.availability_ratio * 100, 6)


def tenant_values(spec: TenantSpec, sizing: Sizing) -> dict[str, Any]:
    """The columns of `tenants` that follow from specification and sizing."""
    return {
        "name": spec.name,
        "service_requirements": spec.service_requirements,
        "sla_target": spec.sla_target.model_dump(exclude_none=True),
        "description": spec.description,
        "requested_preset": spec.preset,
        "requested_gpu_type": spec.gpu_type,
        **choice_values(spec),
        **sizing_values(sizing),
    }


def choice_values(spec: TenantSpec) -> dict[str, Any]:
    """The columns of `tenants` with what was chosen; None without a choice."""
    dumped = spec.model_dump(mode="json", include=set(_CHOICES), exclude_none=True, exclude_defaults=True)
    return {name: dumped.get(name) or None for name in _CHOICES}


def sizing_values(sizing: Sizing) -> dict[str, Any]:
    """The columns of `tenants` that follow from the sizing alone."""
    return {
        "preset": sizing.preset,
        "resources": sizing.resources.model_dump(),
        "cpu_limit": sizing.resources.cpu,
        "memory_limit": sizing.resources.memory,
        "gpu_limit": sizing.resources.gpu,
        "storage_limit": sizing.resources.storage,
        "gpu_type": sizing.gpu_type,
        "sizing": sizing.model_dump(mode="json"),
    }


def service_rows(sizing: Sizing) -> list[dict[str, Any]]:
    """The rows of `services`: those that were asked for, and those that they depend on."""
    return [
        {
            "service_name": service.service,
            "service_type": _SERVICE_TYPE,
            "enabled": True,
            "count": service.sessions,
            "image": service.image,
            "resources": _service_resources(service),
        }
        for service in sizing.services
    ]


def json_object(value: Any) -> dict[str, Any]:
    """The value of a JSON column; a row inserted by hand may have anything else than an object in it."""
    return value if isinstance(value, dict) else {}


def valid_spec(fields: dict[str, Any]) -> TenantSpec:
    """The specification with `fields`. Raises Refused with each field that is wrong."""
    try:
        return TenantSpec.model_validate(fields)
    except ValidationError as error:
        raise refusal([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


def _service_resources(service: ServiceSizing) -> dict[str, Any]:
    return {
        "cpu_request": f"{service.cpu_request_m}m",
        "memory_request": f"{service.memory_request_mib}Mi",
        "cpu_limit": f"{service.cpu_limit_m}m",
        "memory_limit": f"{service.memory_limit_mib}Mi",
        "gpu": service.gpu,
        "gpu_type": service.gpu_type,
        "replicas": service.replicas,
        "max_replicas": service.max_replicas,
    }
