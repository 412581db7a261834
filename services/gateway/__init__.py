"""The gateway: REST and WebSockets outside, events inside.

Owns the tables `tenants`, `services`, `deployments`, `deployment_events`, `tenant_generations`, `outbox` and
`idempotency_keys`, and allocates every operation's generation. Publishes `tenant.created`, `tenant.updated`,
`deploy.requested`, `operation.requested` (through the outbox) and posted `metrics.collected`. Consumes what the workers
say of deployments, sizings and SLAs into its rows and to its sockets, and dead letters, whose deployments it fails.

    routes/  requests.py  schemas/     HTTP and sockets in, answers out
    commands.py  tenancy.py            what a create, update, deploy or delete becomes; the rules are pure
    operating.py  lifecycle.py         the same of a rollback, start, stop or restart
    store/  outbox.py                  rows, and events on their way to NATS
    handlers.py  projection.py         events into rows; the reading of an event is pure
    hub.py  sessions/                  events to sockets
"""
