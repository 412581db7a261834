"""Requests of other systems, which arrive as events."""
