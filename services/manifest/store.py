"""Where manifests lie: a key-value bucket, each text under its digest.

No object store, though JetStream has them: a manifest fits into one message, which is there as a whole or not at all,
and takes one write instead of two and two looks.
"""

from collections.abc import Awaitable, Callable

from nats.js.kv import KeyValue

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import manifest_key


class ManifestStore:
    """The manifests of one mode."""

    def __init__(self, bucket: Callable[[], Awaitable[KeyValue]]) -> None:
        self._bucket = bucket

    async def keep(self, digest: str, text: str) -> None:
        """Store a text under its digest. Raises DependencyUnavailable.

        Also when it is there: that refreshes its age, and garbage collection removes only what is old
        (`services.gateway.manifests.manifest_gc`).
        """
        try:
            await (await self._bucket()).put(manifest_key(digest), text.encode())
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest} is not stored: {error!r}") from error
