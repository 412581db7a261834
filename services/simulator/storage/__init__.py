"""The state of a cluster: objects in memory, their recent changes for watches, and the PostgreSQL journal."""
