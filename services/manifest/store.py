"""Stores rendered manifests in a key-value bucket, each text under its digest.

Not in a JetStream object store: a manifest fits into one message, which is written atomically in one step.
"""

from collections.abc import Awaitable, Callable

from nats.js.kv import KeyValue

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import manifest_key


class RenderedManifests:
    """The manifests of one mode."""

    def __init__(self, bucket: Callable[[], Awaitable[KeyValue]]) -> None:
        self._bucket = bucket

    async def keep(self, digest: str, text: str) -> None:
        """Store a text under its digest. Raises DependencyUnavailable.

        Writing an existing text again refreshes its age: garbage collection (`services.gateway.manifests.manifest_gc`)
        removes only old manifests.
        """
        try:
            await (await self._bucket()).put(manifest_key(digest), text.encode())
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest} is not stored: {error!r}") from error
