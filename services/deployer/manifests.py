"""Fetches a manifest's text by its digest from the object store."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import nats.errors
import nats.js.errors
from nats.js.object_store import ObjectStore

from services.deployer.manifest import InvalidManifest
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable

_TRIES = 5
_PAUSE = 0.5
_READ_TIMEOUT = 10.0
"""Seconds for one manifest; the client itself would wait for a missing chunk without an end."""
_MISSING = (nats.js.errors.ObjectNotFoundError, nats.js.errors.ObjectDeletedError)


class Manifests:
    """The manifests of one mode."""

    def __init__(self, store: Callable[[], Awaitable[ObjectStore]]) -> None:
        self._store = store

    async def fetch(self, digest: str) -> str:
        """The text with that digest. Raises InvalidManifest if there is none or another, DependencyUnavailable.

        Tried for some seconds: a replica of the store may be behind the event that names the manifest.
        """
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            body = await self._read(digest)
            if body is not None:
                return _verified(body, digest)
        raise InvalidManifest(f"the manifest {digest} is not in the object store")

    async def _read(self, digest: str) -> bytes | None:
        try:
            store = await self._store()
            async with asyncio.timeout(_READ_TIMEOUT):
                result = await store.get(digest)
        except _MISSING:
            return None
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest}: {error or type(error).__name__}") from error
        return result.data or b""


def _verified(body: bytes, digest: str) -> str:
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        raise InvalidManifest(f"the text stored as {digest} has another digest")
    return body.decode()
