"""The webhook that Alertmanager calls."""
