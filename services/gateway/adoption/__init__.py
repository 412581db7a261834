"""Makes an existing call centre in a namespace a tenant, without a restart."""
