"""Which service may do what with which table: applied after each migration, for the roles that a server has.

A table without a row here fails a test. Where all use the owner's login, as with a database of the
customer's own, there are no roles and nothing is granted.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

from shared.roles import GATEWAY, MONITOR

_OWN = "SELECT, INSERT, UPDATE, DELETE"
_READ = "SELECT"

_AUDIT_COLUMNS = (
    "operation, outcome, code, tenant_id, deployment_id, object_id, subject, kind, role, email, address, user_agent,"
    " request_id, repeats, first_at, before, after"
)
"""All but what PostgreSQL itself gives a row of the trail: its number, its time and the role that inserted it."""

GRANTS: Mapping[str, Mapping[str, str]] = {
    # To lock a tenant's row against its deletion is an UPDATE of any column to PostgreSQL.
    "tenants": {GATEWAY: _OWN, MONITOR: f"{_READ}, UPDATE (sla_time)"},
    "services": {GATEWAY: _OWN},
    "deployments": {GATEWAY: _OWN},
    "deployment_events": {GATEWAY: _OWN},
    "deployment_reports": {GATEWAY: _OWN},
    "operation_durations": {GATEWAY: _OWN},
    "tenant_generations": {GATEWAY: _OWN},
    "outbox": {GATEWAY: _OWN},
    "stream_positions": {GATEWAY: _OWN},
    "idempotency_keys": {GATEWAY: _OWN},
    "api_keys": {GATEWAY: _OWN},
    "socket_tickets": {GATEWAY: _OWN},
    "tenant_access": {GATEWAY: "SELECT, INSERT, DELETE", MONITOR: _READ},
    "monitoring_data": {GATEWAY: _READ, MONITOR: _OWN},
    "availability_samples": {MONITOR: _OWN},
    "availability_runs": {MONITOR: _OWN},
    "maintenance_windows": {MONITOR: _OWN},
    "monitoring_rollups": {GATEWAY: _READ, MONITOR: _OWN},
    "monitoring_progress": {GATEWAY: _READ, MONITOR: _OWN},
    "alert_rules": {GATEWAY: _READ, MONITOR: _OWN},
    "alerts": {GATEWAY: _READ, MONITOR: _OWN},
    "alert_positions": {MONITOR: _OWN},
    "monitor_outbox": {MONITOR: _OWN},
    "recoveries": {GATEWAY: _READ, MONITOR: _OWN},
    # Only the monitor reads a receiver's secrets, which it needs as they are to sign and to send.
    "receivers": {MONITOR: _OWN},
    "receiver_secrets": {MONITOR: _OWN},
    "receiver_states": {MONITOR: _OWN},
    "notified_alerts": {MONITOR: _OWN},
    "pending_notices": {MONITOR: _OWN},
    "notifications": {MONITOR: _OWN},
    # Only what the owner's functions do changes or removes a row of the trail, or writes a seal.
    "audit_events": {GATEWAY: f"{_READ}, INSERT ({_AUDIT_COLUMNS})"},
    "audit_unsealed": {GATEWAY: _READ},
    "audit_seals": {GATEWAY: _READ},
    "audit_chain": {GATEWAY: _READ},
    "settings_versions": {GATEWAY: f"{_READ}, INSERT (version, content, changed_by, request_id)"},
    "incidents": {GATEWAY: _READ, MONITOR: _OWN},
    "incident_alerts": {GATEWAY: _READ, MONITOR: _OWN},
    "incident_entries": {GATEWAY: _READ, MONITOR: _OWN},
    "silences": {MONITOR: _OWN},
    "recurring_maintenance": {MONITOR: _OWN},
    "alembic_version": {GATEWAY: _READ, MONITOR: _READ},
}
SEQUENCES: Mapping[str, Iterable[str]] = {"tenants_id_seq": [GATEWAY], "services_id_seq": [GATEWAY]}
"""Those of SERIAL columns. IDENTITY columns need no right of their own."""
FUNCTIONS: Mapping[str, Iterable[str]] = {
    "make_monitoring_partition(text, date, date)": [MONITOR],
    "drop_monitoring_partition(text)": [MONITOR],
    "refresh_statistics()": [MONITOR],
    "seal_audit(integer)": [GATEWAY],
    "remove_old_audit(integer)": [GATEWAY],
}


def grant(connection: Connection) -> None:
    """Give each role that exists the rights of the tables above, and take from it what it has beyond them."""
    there = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
    for table, rights in GRANTS.items():
        for role in {GATEWAY, MONITOR} & there:
            connection.execute(text(f"REVOKE ALL ON {table} FROM {role}"))
            if role in rights:
                connection.execute(text(f"GRANT {rights[role]} ON {table} TO {role}"))
    for kind, granted in (("USAGE ON SEQUENCE", SEQUENCES), ("EXECUTE ON FUNCTION", FUNCTIONS)):
        for thing, roles in granted.items():
            for role in there.intersection(roles):
                connection.execute(text(f"GRANT {kind} {thing} TO {role}"))
