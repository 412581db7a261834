"""Alerts: rules evaluated as samples come, and what happens to the alerts.

transition       a change of an alert, and what listens to it in the same transaction
"""
