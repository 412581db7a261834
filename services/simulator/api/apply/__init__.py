"""Patches and server-side apply: how a partial object changes the stored one, and which manager owns which field.

`field_sets` names fields, `typed` merges and compares values by their schema, `field_managers` records the owners;
`patches` and `strategic_merge` are the older formats. The rules of server-side apply are those of Kubernetes'
structured-merge-diff: a manager owns the fields that it applies; a field that it no longer applies is removed unless
another manager owns it; applying another value to another manager's field is a conflict unless it is forced.
"""
