"""Rollback, start, stop and restart of a tenant."""
