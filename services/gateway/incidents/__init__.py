"""Incidents over REST: read from the monitor's tables, changed through the monitor; and post-mortems."""
