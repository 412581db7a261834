"""The fields of tenants that other clients send and that we don't have: the guides', the predecessor's and its page's.

One that means a field of ours sets it. One that has no effect is accepted with a note, so that an existing client goes
on working and its user learns what to use instead. `namespace` is refused: its sender would look for the tenant in it.
"""

from services.gateway.http.known_fields import KnownField
from shared.messages import sentence

_PER_SERVICE = (
    "environment_variables",
    "volume_mounts",
    "health_checks",
    "network_config",
    "kubernetes_advanced_config",
)
"""How the predecessor's API took choices for all services at once."""
_CHANNELS = ("channels", "concurrent_calls")
"""How the predecessor's pipeline page described a tenant."""
_SHOWN = (
    *("tenant_id", "is_demo", "services_count", "created_at", "updated_at", "last_activity"),
    *("resources", "services", "estimated_cost", "estimated_resources", "health", "revision", "generation", "target"),
    *("deployment_id", "cpu_limit", "memory_limit", "gpu_limit", "storage_limit", "sla_availability"),
    *("sla_response_time", "cpu_usage", "memory_usage", "gpu_usage", "storage_usage", "service_config", "gpu_info"),
    *("dataSource", "effective_cluster_options", "permissions"),
)
"""What a tenant is shown with, here or by the predecessor's page: clients send back what they were shown."""

OF_TENANTS = {
    "auto_deploy": KnownField(means="deploy"),
    "tenancy_mode": KnownField(
        note=sentence("field-tenancy-mode", "tenancy_mode has no effect: the sizing, or a preset, decides the size")
    ),
    "cloud_provider": KnownField(
        note=sentence("field-cloud-provider", "cloud_provider has no effect: target chooses where a tenant runs")
    ),
    "namespace": KnownField(
        refusal=sentence("field-namespace", "a tenant's namespace is always ecp-ai-<tenant_id>; leave this field out")
    ),
    **{
        name: KnownField(
            note=sentence(
                "field-per-service", "{field} has no effect: choose by service in service_options", field=name
            )
        )
        for name in _PER_SERVICE
    },
    **{
        name: KnownField(
            note=sentence("field-channels", "{field} has no effect: service_requirements has the sessions", field=name)
        )
        for name in _CHANNELS
    },
}
"""Of a tenant that is created or changed."""

OF_CHANGES = {
    "status": KnownField(
        note=sentence("field-status", "status can't be set: use POST .../start, .../stop, .../restart or .../deploy")
    ),
    **{
        name: KnownField(note=sentence("field-read-only", "{field} is shown, but can't be changed", field=name))
        for name in _SHOWN
    },
}
"""Of a change only."""
