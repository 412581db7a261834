"""Idempotency keys: a repeated call with the same key and body gets the first answer."""
