"""SLA reports, planned maintenance, and the SLA so far."""
