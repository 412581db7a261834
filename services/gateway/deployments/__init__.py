"""Deployments: their rows, their log, and what an event means for them."""
