"""Manifests: rendered on demand, validated, and deleted when nothing refers to them."""
