"""Where manifests lie: a JetStream object store, each text under its digest."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from nats.js.errors import ObjectNotFoundError
from nats.js.object_store import ObjectStore

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable

_STAYS = timedelta(days=30)
"""So long nothing removes it, with weeks to spare for the event that will name it."""


class ManifestStore:
    """The manifests of one mode."""

    def __init__(self, connect: Callable[[], Awaitable[ObjectStore]]) -> None:
        self._connect = connect

    async def keep(self, digest: str, text: str) -> None:
        """Store a text under its digest. Raises DependencyUnavailable.

        What is there stays untouched: writing it anew would take away, for a moment, the chunks that others read. But
        what is old is written anew: it might just be removed (`services.gateway.collecting`).
        """
        try:
            store = await self._connect()
            if not await _holds(store, digest):
                await store.put(digest, text.encode())
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifest {digest} is not stored: {error!r}") from error


async def _holds(store: ObjectStore, digest: str) -> bool:
    try:
        put = (await store.get_info(digest)).mtime
        return put is not None and datetime.now(UTC) - datetime.fromisoformat(put) < _STAYS
    except (ObjectNotFoundError, ValueError):
        return False
