"""Tenants: create, change, deploy, delete, and read."""
