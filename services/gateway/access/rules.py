"""What each call needs: the least role, and where it names its tenant. The one table; pure.

From it come enforcement (`authorization`), the OpenAPI document (`openapi`), `permissions` in answers, docs/access.md
and the test of every call with every role. A route without a row is refused, and fails a test.

A caller with a role below `admin` is bound to its tenants. Any other tenant doesn't exist for it: the answer is that of
an id that was never used. It comes before the check of the role, and doesn't depend on whether the tenant exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.identity.caller import Role


class Scope(StrEnum):
    """Which tenants a call concerns, and where it names them."""

    NONE = "none"
    """No tenant."""
    TENANT = "the path's tenant_id"
    DEPLOYMENT = "the tenant of the path's deployment_id"
    INCIDENT = "the tenant of the path's incident_id"
    BODY = "the body's tenant_id"
    """Checked by the command itself, after the body is valid."""
    NAMESPACE = "the tenant of the body's namespace"
    """Checked by the command itself, after the body is valid."""
    VISIBLE = "those that the caller may see"
    """An answer about several tenants, filtered by its query."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one call needs."""

    least: Role | None
    """The least role; None: any authenticated caller."""
    scope: Scope = Scope.NONE
    action: str | None = None
    """Its name in `permissions`, for calls that a page shows as a button."""


_V, _O, _T, _A = Role.VIEWER, Role.OPERATOR, Role.TENANT_ADMIN, Role.ADMIN
_TENANT, _DEPLOYMENT, _VISIBLE = Scope.TENANT, Scope.DEPLOYMENT, Scope.VISIBLE
_INCIDENT = Scope.INCIDENT

RULES: Mapping[str, Rule] = {
    # The caller itself, and who may see a tenant.
    "get_me": Rule(None, _VISIBLE),
    "list_tenant_access": Rule(_T, _TENANT),
    "grant_tenant_access": Rule(_A, _TENANT, "manage_access"),
    "revoke_tenant_access": Rule(_A, _TENANT, "manage_access"),
    # Keys of machines, and tickets of sockets.
    "create_api_key": Rule(_A),
    "list_api_keys": Rule(_A),
    "rotate_api_key": Rule(_A),
    "revoke_api_key": Rule(_A),
    "create_socket_ticket": Rule(_V),
    # The audit trail, and the settings of a mode.
    "list_audit_events": Rule(_A),
    "export_audit_trail": Rule(_A),
    "get_settings": Rule(_V),
    "list_settings_versions": Rule(_V),
    "get_settings_version": Rule(_V),
    "change_settings": Rule(_A),
    # Tenants.
    "list_tenants": Rule(_V, _VISIBLE),
    "get_tenant": Rule(_V, _TENANT, "view"),
    "create_tenant": Rule(_T, _VISIBLE, "create"),
    "change_tenant": Rule(_T, _TENANT, "change"),
    "patch_tenant": Rule(_T, _TENANT, "change"),
    "delete_tenant": Rule(_T, _TENANT, "delete"),
    "calculate_resources": Rule(_V),
    # They tell whether an id is in use, which only a creation needs.
    "check_tenant_id": Rule(_T, _VISIBLE),
    "check_tenant_id_in_path": Rule(_T, _VISIBLE),
    # Operations.
    "deploy_tenant": Rule(_O, _TENANT, "deploy"),
    "roll_back_tenant": Rule(_O, _TENANT, "rollback"),
    "start_tenant": Rule(_O, _TENANT, "start"),
    "stop_tenant": Rule(_O, _TENANT, "stop"),
    "restart_tenant": Rule(_O, _TENANT, "restart"),
    "cancel_latest_deployment": Rule(_O, _TENANT, "cancel"),
    "cancel_deployment": Rule(_O, _DEPLOYMENT),
    "report_deployment": Rule(_O, _TENANT, "report"),
    # Takes over what runs in a namespace: its tenant must have been given to the caller before.
    "adopt_namespace": Rule(_T, Scope.NAMESPACE, "adopt"),
    "get_deployment_status": Rule(_V, _TENANT),
    "list_deployments": Rule(_V, _TENANT),
    "get_deployment": Rule(_V, _DEPLOYMENT),
    "list_deployment_events": Rule(_V, _DEPLOYMENT),
    "get_deployment_diff": Rule(_V, _DEPLOYMENT),
    "get_tenant_diff": Rule(_V, _TENANT),
    # Manifests have no secret values.
    "get_manifest": Rule(_V, _TENANT),
    "render_manifest": Rule(_V, _TENANT),
    "get_package": Rule(_V, _TENANT),
    "validate_manifest": Rule(_V),
    # Measurements and SLA.
    "get_monitoring": Rule(_V, _TENANT),
    "send_metrics": Rule(_O, _TENANT, "send_metrics"),
    "recommend_resources": Rule(_V, _TENANT),
    "get_sla": Rule(_V, _TENANT),
    "get_sla_report": Rule(_V, _TENANT),
    "get_sla_analysis": Rule(_V, _TENANT),
    "list_maintenance": Rule(_V, _TENANT),
    "announce_maintenance": Rule(_O, _TENANT, "maintain"),
    "cancel_maintenance": Rule(_O, _TENANT, "maintain"),
    "list_active_alerts": Rule(_V, _TENANT),
    # Alertmanager's webhook, which may restart a tenant: alerts of other tenants than the caller's are ignored.
    "receive_tenant_alert": Rule(_O, _VISIBLE),
    "list_recurring_maintenance": Rule(_V, _TENANT),
    "announce_recurring_maintenance": Rule(_O, _TENANT, "maintain"),
    "cancel_recurring_maintenance": Rule(_O, _TENANT, "maintain"),
    # Incidents and silences.
    "list_incidents": Rule(_V, _VISIBLE),
    "open_incident": Rule(_O, Scope.BODY),
    "get_incident": Rule(_V, _INCIDENT),
    "acknowledge_incident": Rule(_O, _INCIDENT),
    "unacknowledge_incident": Rule(_O, _INCIDENT),
    "comment_on_incident": Rule(_O, _INCIDENT),
    "assign_incident": Rule(_O, _INCIDENT),
    "change_incident_severity": Rule(_O, _INCIDENT),
    "close_incident": Rule(_O, _INCIDENT),
    "get_post_mortem": Rule(_V, _INCIDENT),
    "list_silences": Rule(_V, _TENANT),
    "get_silence": Rule(_V, _TENANT),
    "preview_silence": Rule(_V, _TENANT),
    "create_silence": Rule(_O, _TENANT, "silence"),
    "end_silence": Rule(_O, _TENANT, "silence"),
    # Where a tenant's alerts are sent, and those of the mode, which concern every tenant.
    "list_tenant_receivers": Rule(_O, _TENANT),
    "get_tenant_receiver": Rule(_O, _TENANT),
    "create_tenant_receiver": Rule(_T, _TENANT, "notify"),
    "change_tenant_receiver": Rule(_T, _TENANT, "notify"),
    "remove_tenant_receiver": Rule(_T, _TENANT, "notify"),
    "rotate_tenant_receiver_secret": Rule(_T, _TENANT, "notify"),
    "test_tenant_receiver": Rule(_T, _TENANT, "notify"),
    "list_tenant_notifications": Rule(_O, _TENANT),
    "replay_tenant_notifications": Rule(_T, _TENANT, "notify"),
    "list_receivers": Rule(_A),
    "get_receiver": Rule(_A),
    "create_receiver": Rule(_A),
    "change_receiver": Rule(_A),
    "remove_receiver": Rule(_A),
    "rotate_receiver_secret": Rule(_A),
    "test_receiver": Rule(_A),
    "list_notifications": Rule(_A),
    "replay_notifications": Rule(_A),
    # A rule sends to addresses that its author chooses.
    "list_alert_rules": Rule(_V, _TENANT),
    "get_alert_rule": Rule(_V, _TENANT),
    "test_alert_rules": Rule(_V, _TENANT),
    "create_alert_rule": Rule(_O, _TENANT, "set_alerts"),
    "replace_alert_rule": Rule(_O, _TENANT),
    "delete_alert_rule": Rule(_O, _TENANT),
    # The whole system: numbers of tenants are those of the caller's.
    "get_system_metrics": Rule(_V, _VISIBLE),
    "get_operations_dashboard": Rule(_V, _VISIBLE),
}
"""By the name of the route's function, of which the operation id is made."""

SOCKETS: Mapping[str, Rule] = {
    "deployment": Rule(_V, _DEPLOYMENT),
    "monitoring": Rule(_V, _TENANT),
    "alerts": Rule(_V, _TENANT),
}
"""By the name of the socket's function."""

PUBLIC = frozenset({"get_health", "get_readiness", "get_prometheus_metrics", "get_sign_in"})
"""Operations that need no credential, as the pages of the documentation."""
