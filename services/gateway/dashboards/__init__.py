"""The system and operations dashboards, with their alerts."""
