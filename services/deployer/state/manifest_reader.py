"""Reads the objects of a manifest by its digest."""

import asyncio

from services.deployer.state.errors import InvalidManifest, ManifestMissing
from shared.bus import ModeBuckets
from shared.bus.manifests import ManifestDamaged, read_manifest, store_manifest
from shared.kube.manifest_text import is_json, stored_objects
from shared.kube.objects import Obj
from shared.reading import InvalidText

_ATTEMPTS = 5
_PAUSE = 0.5
"""Seconds between two attempts: a replica of the bucket may lag behind the event that names the manifest."""


class ManifestReader:
    """The manifests of one mode. The deployer writes only that of an adopted namespace; others are rendered."""

    def __init__(self, buckets: ModeBuckets) -> None:
        self._buckets = buckets

    async def objects(self, digest: str, namespace: str) -> list[Obj]:
        """The manifest's objects, in the order of apply; those without a namespace are in `namespace`.

        Raises InvalidManifest, ManifestMissing and DependencyUnavailable.
        """
        text = await self.fetch(digest)
        try:
            if is_json(text):
                return stored_objects(text, namespace)
            # In a thread: YAML takes some hundred milliseconds if it is large, in which leases must be renewed.
            return await asyncio.to_thread(stored_objects, text, namespace)
        except InvalidText as error:
            raise InvalidManifest(str(error)) from error

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
