"""The audit trail: rows that services only add, and a chain of seals that only functions of the owner write.

    audit_events     who did what; a trigger queues each row for its seal, in the transaction that inserts it
    audit_unsealed   the queue: rows whose transaction committed, in whatever order, and that have no seal yet
    audit_seals      position 1, 2, 3, ..., each with SHA-256 over the digest before it and the row
    audit_chain      one row: the last seal, the last one whose row retention removed, and the days to keep

`services` have no right but to insert and select events and to call the functions, so their logins can neither change
a row or a seal, nor remove one before its time. The statements are written out and import nothing of ours: a released
revision must do the same for ever.
"""

import sqlalchemy
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = (
    """
CREATE TABLE audit_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    recorded_by VARCHAR(63) NOT NULL DEFAULT CURRENT_USER,
    operation VARCHAR(100) NOT NULL,
    outcome VARCHAR(10) NOT NULL,
    code VARCHAR(50),
    tenant_id VARCHAR(100),
    deployment_id VARCHAR(64),
    object_id VARCHAR(200),
    subject VARCHAR(255) NOT NULL,
    kind VARCHAR(10) NOT NULL,
    role VARCHAR(20),
    email VARCHAR(255),
    address VARCHAR(64),
    user_agent VARCHAR(200),
    request_id VARCHAR(200) NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 1,
    first_at TIMESTAMPTZ,
    before TEXT,
    after TEXT,
    CHECK (octet_length(before) <= 8192 AND octet_length(after) <= 8192)
)
""",
    "CREATE INDEX audit_events_tenant ON audit_events (tenant_id, id) WHERE tenant_id IS NOT NULL",
    "CREATE INDEX audit_events_subject ON audit_events (subject, id)",
    "CREATE INDEX audit_events_request ON audit_events (request_id)",
    "CREATE INDEX audit_events_recorded_at ON audit_events (recorded_at)",
    "CREATE TABLE audit_unsealed (event_id BIGINT PRIMARY KEY)",
    """
CREATE TABLE audit_seals (
    position BIGINT PRIMARY KEY,
    event_id BIGINT NOT NULL UNIQUE,
    digest BYTEA NOT NULL,
    sealed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
)
""",
    """
CREATE TABLE audit_chain (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    position BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    anchor BIGINT NOT NULL,
    keep_days INTEGER NOT NULL
)
""",
    "INSERT INTO audit_chain VALUES (true, 0, decode(repeat('00', 32), 'hex'), 0, 400)",
)

_FUNCTIONS = (
    """
CREATE FUNCTION queue_audit_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    INSERT INTO {schema}.audit_unsealed (event_id) VALUES (NEW.id);
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER audit_events_queued AFTER INSERT ON audit_events
FOR EACH ROW EXECUTE FUNCTION queue_audit_event()
""",
    # A field as a netstring, so that no content can be mistaken for the end of a field.
    """
CREATE FUNCTION audit_field(value text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = {schema}, pg_temp AS $$
    SELECT coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-') || ','
$$
""",
    """
CREATE FUNCTION audit_time(value timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = {schema}, pg_temp AS $$
    SELECT to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$
""",
    """
CREATE FUNCTION audit_text(place bigint, event audit_events) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = {schema}, pg_temp AS $$
BEGIN
    RETURN audit_field('ecp-audit-1') || audit_field(place::text)
        || audit_field(event.id::text) || audit_field(audit_time(event.recorded_at))
        || audit_field(event.recorded_by) || audit_field(event.operation) || audit_field(event.outcome)
        || audit_field(event.code) || audit_field(event.tenant_id) || audit_field(event.deployment_id)
        || audit_field(event.object_id) || audit_field(event.subject) || audit_field(event.kind)
        || audit_field(event.role) || audit_field(event.email) || audit_field(event.address)
        || audit_field(event.user_agent) || audit_field(event.request_id) || audit_field(event.repeats::text)
        || audit_field(audit_time(event.first_at)) || audit_field(event.before) || audit_field(event.after);
END
$$
""",
    # A transaction that commits late is queued late, and its row gets a later position: each row is sealed once.
    """
CREATE FUNCTION seal_audit(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    head {schema}.audit_chain;
    event {schema}.audit_events;
    sealed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM {schema}.audit_unsealed) OR NOT pg_try_advisory_xact_lock({lock}) THEN
        RETURN 0;
    END IF;
    SELECT * INTO STRICT head FROM {schema}.audit_chain FOR UPDATE;
    FOR event IN
        SELECT events.* FROM {schema}.audit_unsealed JOIN {schema}.audit_events AS events ON id = event_id
        ORDER BY id LIMIT most
    LOOP
        head.position := head.position + 1;
        head.digest := sha256(head.digest || convert_to({schema}.audit_text(head.position, event), 'UTF8'));
        INSERT INTO {schema}.audit_seals (position, event_id, digest) VALUES (head.position, event.id, head.digest);
        DELETE FROM {schema}.audit_unsealed WHERE event_id = event.id;
        sealed := sealed + 1;
    END LOOP;
    UPDATE {schema}.audit_chain SET position = head.position, digest = head.digest;
    RETURN sealed;
END
$$
""",
    # The seal at the new anchor stays, and the record of the removal, which is sealed itself, names it.
    """
CREATE FUNCTION remove_old_audit(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    head {schema}.audit_chain;
    oldest timestamptz;
    last bigint;
    removed integer;
    named text;
BEGIN
    IF NOT pg_try_advisory_xact_lock({lock}) THEN
        RETURN 0;
    END IF;
    SELECT * INTO STRICT head FROM {schema}.audit_chain FOR UPDATE;
    oldest := clock_timestamp() - make_interval(days => head.keep_days);
    SELECT position - 1 INTO last FROM {schema}.audit_seals
    WHERE position > head.anchor AND sealed_at >= oldest ORDER BY position LIMIT 1;
    last := least(coalesce(last, head.position), head.anchor + most);
    IF last <= head.anchor THEN
        RETURN 0;
    END IF;
    DELETE FROM {schema}.audit_events USING {schema}.audit_seals AS seals
    WHERE seals.event_id = audit_events.id AND seals.position > head.anchor AND seals.position <= last;
    GET DIAGNOSTICS removed = ROW_COUNT;
    SELECT encode(digest, 'hex') INTO named FROM {schema}.audit_seals WHERE position = last;
    DELETE FROM {schema}.audit_seals WHERE position < last;
    UPDATE {schema}.audit_chain SET anchor = last;
    INSERT INTO {schema}.audit_events (operation, outcome, subject, kind, request_id, after) VALUES (
        'removeOldAuditEvents', 'done', 'retention', 'system', 'retention',
        format('{{"removed":%s,"position":%s,"digest":"%s","keep_days":%s}}', removed, last, named, head.keep_days)
    );
    RETURN removed;
END
$$
""",
)
_PRIVATE = (
    "queue_audit_event()",
    "audit_field(text)",
    "audit_time(timestamptz)",
    "audit_text(bigint, audit_events)",
    "seal_audit(integer)",
    "remove_old_audit(integer)",
)
_LOCK = "1701015558"  # shared.database.audit_trail.LOCK


def upgrade() -> None:
    schema = str(op.get_bind().scalar(sqlalchemy.text("SELECT quote_ident(current_schema())")))
    for statement in _TABLES:
        op.execute(statement)
    for statement in _FUNCTIONS:
        filled = statement.replace("{schema}", schema).replace("{lock}", _LOCK)
        filled = filled.replace("{{", "{").replace("}}", "}")
        op.execute(sqlalchemy.text(filled.replace(":", r"\:")))
    for function in _PRIVATE:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    for table in ("audit_chain", "audit_seals", "audit_unsealed"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP TABLE audit_events CASCADE")
    for function in ("remove_old_audit(integer)", "seal_audit(integer)", "queue_audit_event()"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP FUNCTION audit_time(timestamptz)")
    op.execute("DROP FUNCTION audit_field(text)")
