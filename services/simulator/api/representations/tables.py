"""Tables (`meta.k8s.io/v1`), which `kubectl get` prints, and metadata without the rest of an object. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.simulator.api.representations.columns import columns_of
from services.simulator.resources import Resource
from shared.kube.objects import Obj


def table_head(resource: Resource, *, columns: bool = True) -> dict[str, Any]:
    """A Table without rows; later events of a watch omit the columns."""
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": "name" if column.name == "Name" else "",
            "description": f"{column.name} of the {resource.kind}",
            "priority": column.priority,
        }
        for column in (columns_of(resource) if columns else ())
    ]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "columnDefinitions": definitions}


def table_row(resource: Resource, obj: Obj, now: datetime, include: str) -> dict[str, Any]:
    """An object's row; `include` is how much of the object it includes: Metadata, Object or None."""
    row: dict[str, Any] = {"cells": [column.cell(obj, now) for column in columns_of(resource)]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial_metadata(obj)
    return row


def partial_metadata(obj: Obj) -> Obj:
    """A PartialObjectMetadata, for clients that need only the metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
