"""WebSockets: a deployment's progress and a tenant's samples, from ordered readers of the streams."""
