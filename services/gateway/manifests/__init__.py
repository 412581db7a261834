"""Manifests: rendered on demand, validated, and removed when nothing refers to them."""
