"""From a sized tenant to Kubernetes objects, and to their text.

Pure: the same tenant, sizing and options give the same bytes, and so the same digest, on every replica of this service.
There is a module for each kind of object; `naming` has the names and labels that they share.
"""

from services.manifest.rendering.objects import render
from services.manifest.rendering.tenancy import Platform
from services.manifest.rendering.writing import digest, summary, to_json, to_stored, to_yaml

__all__ = ["Platform", "digest", "render", "summary", "to_json", "to_stored", "to_yaml"]
