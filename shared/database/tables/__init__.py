"""The tables, as SQLAlchemy Core knows them. Names and columns are the guides', so that their own SQL runs.

    tenants ─┬─ services              what a tenant consists of
             ├─ deployments ── deployment_events, deployment_reports
             └─ monitoring_data       partitioned by month, without a default partition
    operation_durations               how long the last operations on each target took
    tenant_generations                outlives its tenant: generations never start again
    availability_samples ─▶ availability_runs       a queue, and the times that a tenant was up or down
    monitoring_rollups                means and maxima by minute, 5 minutes and hour
    maintenance_windows               planned, and no downtime
    monitoring_progress               how far the monitor has come
    outbox                            events that are part of a transaction, until NATS has them
    stream_positions                  where each stream was last seen, to notice one that lost its end
    idempotency_keys                  first answers
    api_keys                          keys of machines, with hashes instead of secrets
    socket_tickets                    what opens a WebSocket once, for 30 s
    audit_events                      who did what; services only add rows, functions of the owner seal and remove them
    audit_unsealed ─▶ audit_seals     a queue, and the chain of digests; audit_chain has its end
    settings_versions                 each version of the settings that users change over REST
    tenant_access                     the callers that a tenant was given to; ends with its tenant
    alert_rules                       a tenant's own rules, and its changes of the standard ones
    alerts                            each firing of an alert, from its pending time until it is resolved and after
    alert_positions                   how far the evaluation of each shard has read the samples
    recoveries                        restarts of tenants that were reported as down, and what they brought
    incidents ── incident_alerts, incident_entries      alerts with one cause, and what was done about them
    silences                          what isn't notified of
    recurring_maintenance             maintenance that repeats; its windows are in maintenance_windows
    monitor_outbox                    events of the monitor that are part of a transaction, until NATS has them
    receivers ── receiver_secrets, receiver_states        where alerts are sent, and how that fares
    pending_notices ─▶ notifications  what receivers are to be told, and the outbox; notified_alerts still fire

The gateway writes all but what measures and alerts (`monitoring_*`, `availability_*`, `maintenance_windows`, `alert*`,
`recoveries`, `incident*`, `silences`, `recurring_maintenance`, `receiver*`, `noti*`, `pending_notices`), which is the
monitor's. What creates them is `migrations/`; a test shows that both agree.
"""

from shared.database.tables.access import api_keys, settings_versions, socket_tickets, tenant_access
from shared.database.tables.alerts import alert_positions, alert_rules, alerts
from shared.database.tables.audit import audit_chain, audit_events, audit_seals, audit_unsealed
from shared.database.tables.columns import metadata
from shared.database.tables.incidents import (
    incident_alerts,
    incident_entries,
    incidents,
    recurring_maintenance,
    silences,
)
from shared.database.tables.messages import idempotency_keys, monitor_outbox, outbox, stream_positions
from shared.database.tables.notifications import (
    notifications,
    notified_alerts,
    pending_notices,
    receiver_secrets,
    receiver_states,
    receivers,
)
from shared.database.tables.observations import (
    availability_runs,
    availability_samples,
    maintenance_windows,
    monitoring_data,
    monitoring_progress,
    monitoring_rollups,
)
from shared.database.tables.recovery import recoveries
from shared.database.tables.tenants import (
    deployment_events,
    deployment_reports,
    deployments,
    operation_durations,
    services,
    tenant_generations,
    tenants,
)

__all__ = [
    "alert_positions",
    "alert_rules",
    "alerts",
    "api_keys",
    "audit_chain",
    "audit_events",
    "audit_seals",
    "audit_unsealed",
    "availability_runs",
    "availability_samples",
    "deployment_events",
    "deployment_reports",
    "deployments",
    "idempotency_keys",
    "incident_alerts",
    "incident_entries",
    "incidents",
    "maintenance_windows",
    "metadata",
    "monitor_outbox",
    "monitoring_data",
    "monitoring_progress",
    "monitoring_rollups",
    "notifications",
    "notified_alerts",
    "operation_durations",
    "outbox",
    "pending_notices",
    "receiver_secrets",
    "receiver_states",
    "receivers",
    "recoveries",
    "recurring_maintenance",
    "services",
    "settings_versions",
    "silences",
    "socket_tickets",
    "stream_positions",
    "tenant_access",
    "tenant_generations",
    "tenants",
]
