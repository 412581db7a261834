"""Changes of Kubernetes objects, by object and field: between two manifests, or a manifest and a cluster.

Every diff is answered in this form, on the bus and over REST.
"""

from typing import Any, Literal

from pydantic import Field

from shared.model import Model

HIDDEN = "(hidden)"
"""Instead of a Secret's values."""


class FieldChange(Model):
    """A field with another value."""

    path: str = Field(examples=['.spec.template.spec.containers[name="app"].image'])
    old: Any = None
    """JSON; null where the field is absent. Long values are cut, and those of Secrets hidden."""
    new: Any = None
    owner: str | None = None
    """The manager that set the old value in the cluster, if it isn't this system; null between two manifests."""


class ObjectChange(Model):
    """An object that is added, removed or changed."""

    kind: str = Field(examples=["Deployment"])
    namespace: str | None = Field(default=None, examples=["ecp-ai-my-ai-service"])
    """null for a cluster-scoped object."""
    name: str = Field(examples=["callbot"])
    change: Literal["added", "removed", "changed"]
    fields: tuple[FieldChange, ...] = ()
    """Empty for an object that is added or removed."""
    note: str | None = None
    """What the fields don't show, such as why the object can't be compared."""


class ChangeSummary(Model):
    """The numbers of objects."""

    added: int
    removed: int
    changed: int
    unchanged: int


class Changes(Model):
    """What differs."""

    changes: tuple[ObjectChange, ...]
    """In the order of apply; removed objects come last."""
    summary: ChangeSummary
