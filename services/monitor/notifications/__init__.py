"""Notifications of alerts: receivers, what they are told and when, and an outbox of its own.

A transition of an alert puts a row for each receiver into `pending_notices`, in the transition's own transaction
(`listener`). The composer joins rows into notifications, the sender delivers them in order, and the follow-up repeats
and escalates what still fires.
"""
