"""Whether a tenant id can be used, before a tenant is created with it."""
