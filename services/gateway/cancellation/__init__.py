"""Cancels an operation in progress: it ends as `cancelled`, and what was applied stays."""
