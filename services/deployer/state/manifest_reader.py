"""Reads the text of a manifest by its digest."""

import asyncio

from services.deployer.state.errors import ManifestMissing
from shared.bus import ModeBuckets
from shared.bus.manifests import ManifestDamaged, read_manifest, store_manifest

_ATTEMPTS = 5
_PAUSE = 0.5
"""Seconds between two attempts: a replica of the bucket may lag behind the event that names the manifest."""


class ManifestReader:
    """The manifests of one mode. The deployer writes only that of an adopted namespace; others are rendered."""

    def __init__(self, buckets: ModeBuckets) -> None:
        self._buckets = buckets

    async def fetch(self, digest: str) -> str:
        """The manifest's text. Raises ManifestMissing and DependencyUnavailable."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE)
            try:
                text = await read_manifest(self._buckets, digest)
            except ManifestDamaged as error:
                raise ManifestMissing(str(error)) from error
            if text is not None:
                return text
        raise ManifestMissing(f"the manifest {digest} is not there")

    async def keep(self, digest: str, text: str) -> None:
        """Store the manifest of an adopted namespace. Raises DependencyUnavailable."""
        await store_manifest(self._buckets, digest, text)
