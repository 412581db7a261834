"""A step of a deployment in progress, into its row and its log.

Most events are steps, so this is one statement past SQLAlchemy: as five statements in a transaction a step took more
than ten times the CPU time of PostgreSQL's driver. The price is a rule that is written in SQL as well as in
`projection`: a step changes nothing after the end, and nothing that a later event has changed. An event that ends a
deployment takes the usual way (`repository.apply_end`), since it changes the tenant, too.
"""

from services.gateway.deployments.projection import Update
from shared.bus import Delivery
from shared.database import Database
from shared.events.statuses import ENDED

# Only the deployment's row is locked. It can't deadlock with transactions, which lock the tenant's row first: this
# statement never waits for another row while it holds one. After a wait the row is read again as it is then.
_STEP = """
    WITH found AS (
        SELECT deployment_id, status, repeats > 0 AND progress > $8::smallint IS TRUE AS passed
        FROM deployments WHERE deployment_id = $1 FOR NO KEY UPDATE
    ), line AS (
        INSERT INTO deployment_events (deployment_id, seq, time, event_id, subject, correlation_id, status, level,
            phase, progress, message, resources)
        SELECT deployment_id, $2::bigint, $3::timestamptz, $4::varchar, $5::varchar, $6::varchar, $7::varchar,
            $9::varchar, $10::varchar, $11::smallint, $12::text, $13::jsonb
        FROM found WHERE NOT passed
        ON CONFLICT DO NOTHING
    ), changed AS (
        UPDATE deployments SET
            status = $7, message = $12, phase = coalesce($10, phase), progress = greatest(progress, $11),
            resources = CASE WHEN $13::jsonb = '[]' THEN resources ELSE $13::jsonb END,
            digest = coalesce($15::varchar, digest),
            started_at = coalesce(started_at, now()), finished_at = NULL, repeat_at = NULL,
            last_seq = $2, last_time = greatest(last_time, $3), updated_at = now()
        FROM found
        WHERE deployments.deployment_id = found.deployment_id AND NOT passed AND found.status <> ALL($14::varchar[])
            AND (last_seq < $2 OR last_time < $3)
    )
    SELECT status FROM found
"""
_ENDED = sorted(ENDED)


async def apply_step(database: Database, update: Update, delivery: Delivery) -> bool:
    """Apply a step, once for each event; False if its deployment doesn't exist."""
    found = await database.fetch_row(
        _STEP,
        update.deployment_id,
        delivery.sequence,
        delivery.time,
        delivery.event_id,
        delivery.subject,
        delivery.correlation_id,
        update.status,
        update.passed_above,
        update.level,
        update.phase,
        update.progress,
        update.message,
        update.resources_text,
        _ENDED,
        update.digest,
    )
    return found is not None
