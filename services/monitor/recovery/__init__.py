"""Recovery: what is reported as down is restarted, looked at again, and then closed or escalated."""
