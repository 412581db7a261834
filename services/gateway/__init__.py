"""The gateway: REST and WebSockets outside, events inside.

Owns the tables `tenants`, `services`, `deployments`, `deployment_events`, `tenant_generations`, `outbox` and
`idempotency_keys`, and gives each operation its generation. Publishes `tenant.created`, `tenant.updated`,
`deploy.requested`, `operation.requested` and posted `metrics.collected` through the outbox. Consumes the workers'
events on deployments, sizings and SLAs, requests of other systems, and dead letters, whose deployments it reports as
failed.

Layers, each of which imports only those below it:

    app, housekeeping                                          wiring and periodic tasks
    dashboards, recommendations, websockets, ingest, inbound, recovery
    callbacks, cancellation, diffs, lifecycle, manifests, monitoring, sla, tenant_ids
                                                               features, each with routes, schemas, queries or commands
    tenants
    deployments
    durations                                                  measured durations of operations, and estimates
    mode_context                                               what serves one mode: database, workers, outbox
    workers, outbox, idempotency                               clients of the workers, of NATS, and idempotency keys
    http                                                       middlewares, errors, languages, shared parameters
    locales                                                    translations
    metrics, settings
"""
