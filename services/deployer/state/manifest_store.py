"""Fetches a manifest's text by its digest."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from services.deployer.cluster.manifest_objects import InvalidManifest
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable, TemporaryError
from shared.subjects import manifest_key


class ManifestMissing(TemporaryError):
    """The store has lost a manifest that was there: the gateway asks for a deployment of which nothing is heard again,
    and then it is rendered again."""


_TRIES = 5
_PAUSE = 0.5


class ManifestStore:
    """The manifests of one mode."""

    def __init__(self, bucket: Callable[[], Awaitable[KeyValue]]) -> None:
        self._bucket = bucket

    async def fetch(self, digest: str) -> str:
        """The text with that digest. Raises ManifestMissing, InvalidManifest if it is another, DependencyUnavailable.

        Tried for some seconds: a replica of the bucket may be behind the event that names the manifest.
        """
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            body = await self._read(digest)
            if body is not None:
                return _verified(body, digest)
        raise ManifestMissing(f"the manifest {digest} is not there")

    async def _read(self, digest: str) -> bytes | None:
        try:
            entry = await (await self._bucket()).get(manifest_key(digest))
        except KeyNotFoundError:
            return None
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest}: {error or type(error).__name__}") from error
        return entry.value or b""


def _verified(body: bytes, digest: str) -> str:
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        raise InvalidManifest(f"the text stored as {digest} has another digest")
    return body.decode()
