"""Incidents: alerts of a tenant with one cause, what was done about them, and what they cost.

causes           the cause that an alert's labels name. Pure
inhibition       which firing alert explains another one, and inhibits it. Pure
grouping         how transitions of alerts open, join, merge, close and reopen incidents. Pure
listener         applies `grouping` in the transaction of the transitions
incident_store   reads and writes what `grouping` works on
actions          what people do: acknowledge, comment, assign, change the severity, close, open. Pure
commands         applies `actions` for `rpc.incidents`
timeline         entries of the timeline, also those of the recovery
cost             the downtime of an incident and its part of the error budget
"""
