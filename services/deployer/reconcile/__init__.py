"""Makes a tenant's cluster agree with its desired generation: which tenants, in which steps, and for how long."""
