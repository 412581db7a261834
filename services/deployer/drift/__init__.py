"""Notices where a cluster no longer matches what was deployed, reports it, and restores it where that was requested."""
