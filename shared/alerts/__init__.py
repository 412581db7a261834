"""What the monitor and the gateway both know about alerts. Pure."""
