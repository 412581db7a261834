"""Requests of other systems, as events."""
