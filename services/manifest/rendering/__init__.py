"""From a sized tenant to Kubernetes objects, and to their text.

A pure function: the same tenant, sizing and options give the same bytes, and so the same digest, on every copy of this
service. One module a kind of object; what they have in common (names, labels) is in `naming`.
"""

from services.manifest.rendering.naming import Obj
from services.manifest.rendering.objects import render
from services.manifest.rendering.tenancy import Platform
from services.manifest.rendering.writing import digest, summary, to_json, to_yaml

__all__ = ["Obj", "Platform", "digest", "render", "summary", "to_json", "to_yaml"]
