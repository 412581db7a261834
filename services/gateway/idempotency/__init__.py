"""Idempotency keys: the same key and body get the first answer again."""
