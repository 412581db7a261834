"""The audit trail: who did what, when, from where, with which outcome, and what changed.

    recording    adds a row to the transaction of the operation itself: `record`
    refusals     the calls that changed nothing, because they were refused or failed; repeats become one row
    entries      a row's values: the caller, and the changed fields, bounded and without secrets. Pure
    upkeep       seals new rows every half second, and removes those that are older than AUDIT_DAYS
    queries      lists and exports the trail

Services can only add rows. How the chain of seals shows a removed or changed one: docs/audit.md, ADR 0021.
"""
