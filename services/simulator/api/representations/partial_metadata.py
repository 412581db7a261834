"""An object reduced to its metadata, for clients that need no more."""

from __future__ import annotations

from shared.kube.objects import Obj


def partial_metadata(obj: Obj) -> Obj:
    """A PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
