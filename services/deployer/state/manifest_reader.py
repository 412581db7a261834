"""Reads the text of a manifest by its digest."""

import asyncio
import hashlib

from nats.js.errors import KeyNotFoundError

from services.deployer.state.errors import ManifestMissing
from shared.bus import ModeBuckets
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, manifest_key

_ATTEMPTS = 5
_PAUSE = 0.5
"""Seconds between two attempts: a replica of the bucket may lag behind the event that names the manifest."""


class ManifestReader:
    """The manifests of one mode."""

    def __init__(self, buckets: ModeBuckets) -> None:
        self._buckets = buckets

    async def fetch(self, digest: str) -> str:
        """The manifest's text. Raises ManifestMissing and DependencyUnavailable."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE)
            body = await self._read(digest)
            if body is not None:
                return _verified(body, digest)
        raise ManifestMissing(f"the manifest {digest} is not there")

    async def _read(self, digest: str) -> bytes | None:
        try:
            bucket = await self._buckets.key_value(Bucket.MANIFESTS)
            entry = await bucket.get(manifest_key(digest))
        except KeyNotFoundError:
            return None
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest}: {error or type(error).__name__}") from error
        return entry.value or b""


def _verified(body: bytes, digest: str) -> str:
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        raise ManifestMissing(f"the text stored as {digest} is damaged: it has another digest")
    return body.decode()
