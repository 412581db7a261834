"""Changed copies of Kubernetes objects, in the form in which the API server writes them. Pure.

Objects are immutable by convention (see `shared.kube.objects`). Nothing enforces it but review, and everything relies
on it: the store, the watch log and every reader hold the same object without copying it.
"""

from typing import Any

from shared.kube.objects import Obj


def with_metadata(obj: Obj, **changes: Any) -> Obj:
    """A copy of the object with these metadata fields; a value of None removes the field."""
    metadata = {name: value for name, value in {**obj["metadata"], **changes}.items() if value is not None}
    return {**obj, "metadata": metadata}


def with_condition(conditions: list[Obj], new: Obj, *, refresh: bool = False) -> list[Obj]:
    """A copy of a list of status conditions in which `new` replaces the one of its type.

    lastTransitionTime changes only with the status. If status and reason stay the same, the old condition is kept,
    unless `refresh` is set: then message and update time are those of `new`.
    """
    old = next((found for found in conditions if found["type"] == new["type"]), None)
    if old is None:
        return [*conditions, new]
    if old["status"] == new["status"]:
        if old.get("reason") == new.get("reason") and not refresh:
            return conditions
        new = {**new, "lastTransitionTime": old.get("lastTransitionTime", new.get("lastTransitionTime"))}
    return [new if found is old else found for found in conditions]
