"""Whether a request only reads one of some paths.

What is open to everyone is so for that alone: the body of another method would be read and parsed before the method is
refused, and a socket keeps its connection for a while.
"""

from collections.abc import Collection
from typing import Final

from starlette.types import Scope

_METHODS: Final = ("GET", "HEAD")


def reads(scope: Scope, paths: Collection[str]) -> bool:
    """Whether it is a GET or HEAD of one of `paths`."""
    return scope["type"] == "http" and scope["method"] in _METHODS and scope["path"] in paths
