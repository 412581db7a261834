"""Recommended requests for a tenant, from its measured use."""
