"""Owner references: which controller manages an object. Pure."""

from shared.kube.objects import Obj


def controller_uid(obj: Obj) -> str | None:
    """The uid of the controller that manages the object, if one does."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return None


def owned_by(owner: Obj) -> list[Obj]:
    """The ownerReferences of an object that `owner` creates and controls."""
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
