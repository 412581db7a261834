"""What one WebSocket gets and says. `deployment.py` and `monitoring.py` each have a pure part and a loop."""
