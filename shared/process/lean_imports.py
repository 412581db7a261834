"""A service's start without the modules that its libraries import and it never uses.

An import takes most of a start's time, and a killed service is back that much sooner. Two kinds of module:

    UNUSED   an optional import of a library: it fails, as in an image, which has no such package
    LAZY     a required import, executed at its first use: it is there if a service needs it after all
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Final

UNUSED: Final[Mapping[str, str]] = {
    "pydantic.v1": "FastAPI would ask of every model whether it is one of Pydantic's first version",
    "rich": "structlog would format tracebacks with it on a terminal; ours have a format of their own",
}
LAZY: Final = frozenset(
    {
        "aiohttp",  # of nats-py for WebSockets; deployer and monitor do need it
        # With an identity provider only. Each is imported by one module of ours: a second import would execute it.
        "httpx",
        "jwt",
        # The synchronous client, which comes with the package of the asynchronous one.
        *(f"kubernetes.{part}" for part in ("client", "config", "dynamic", "informer", "leaderelection", "stream")),
        *(f"kubernetes.{part}" for part in ("utils", "watch", "aio.leaderelection", "aio.stream")),
    }
)


class _LeanFinder(MetaPathFinder):
    """Asked before Python's own finders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in UNUSED:
            raise ModuleNotFoundError(f"{fullname} isn't used by services: {UNUSED[fullname]}", name=fullname)
        if fullname not in LAZY:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def import_lean() -> None:
    """Import what follows without UNUSED, and with LAZY at its first use."""
    sys.meta_path.insert(0, _LeanFinder())
