"""Receivers of notifications, of a tenant and of a mode, and what was sent to them. The monitor stores them."""
