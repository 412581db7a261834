"""How far the deployer is with a generation: a field of the bucket `applied`, which the monitor reads. Pure."""

from enum import StrEnum


class Outcome(StrEnum):
    """How far the recorded generation is."""

    RUNNING = "running"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"
    DELETED = "deleted"
    CANCELLED = "cancelled"
    """Ended at a user's request: what was applied stays."""
