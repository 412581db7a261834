"""The Kubernetes API of the simulator: one ASGI callable, `application.KubernetesAPI`.

Served: discovery (aggregated and old), OpenAPI v3, get, list (selectors, pages), watch (bookmarks, initial events,
410), create, update, patch (JSON, merge, strategic merge, server-side apply), delete and deletecollection, dry run,
field validation, Tables, `/status`, `/scale`, `/log`, a namespace's `/finalize`, metrics.k8s.io, for the resources
in `services.simulator.resources`.

Not supported, and refused as by a real API server without the feature: protobuf bodies (415; kubectl 1.32 and later
send them for `create <kind>`, not for `apply` or `create -f`) and protobuf answers, exec, attach, port-forward,
eviction, binding, OpenAPI v2, admission webhooks, CEL, conversion between versions, authentication and
authorization.
"""
