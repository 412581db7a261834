"""Silences and recurring maintenance over REST; both are the monitor's."""
