"""Alert rules of tenants: read from the monitor's tables, changed and tried out by the monitor.

routes      `/api/v1/tenants/{id}/alerts...`
schemas     the bodies and answers
rules       names that no rule can have
commands    changes, by request/reply
queries     the rules, and what they would have done
"""
