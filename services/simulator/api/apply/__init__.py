"""Server-side apply: who owns which field, and what an apply changes.

`fieldsets` names fields, `typed` merges and compares values by their schema, `managers` keeps the owners. The rules
are those of Kubernetes' structured-merge-diff: an applier owns the fields that it sends; a field that it no longer
sends goes, unless somebody else owns it; another owner's field with another value is a conflict, unless forced.
"""
