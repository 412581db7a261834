"""The alerts that fire: what the dashboard, the sockets and `GET /tenants/{id}/alerts/active` show."""
