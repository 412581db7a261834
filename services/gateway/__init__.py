"""The gateway: REST and WebSockets outside, events inside.

Owns the tables `tenants`, `services`, `deployments`, `deployment_events`, `tenant_generations`, `outbox` and
`idempotency_keys`, and allocates every operation's generation. Publishes `tenant.created`, `tenant.updated`,
`deploy.requested`, `operation.requested` (through the outbox) and posted `metrics.collected`. Consumes what the workers
say of deployments, sizings and SLAs into its rows and to its sockets, and dead letters, whose deployments it fails.

A folder for each feature, with its routes, schemas, commands or queries, and repository:

    tenants  deployments  lifecycle  monitoring  sla  manifests  dashboards  recommendations

and for what carries them: `http` (middlewares, errors), `websockets`, `idempotency`, `outbox` (events on their way to
NATS), `ingest` (the workers' events into rows) and `inbound` (requests of other systems).
"""
