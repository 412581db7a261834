"""Reads and stores manifests: each text is under its digest, in a key-value bucket, and never changes."""

import hashlib

from nats.js.errors import KeyNotFoundError

from shared.bus.mode_bus import ModeBuckets
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, manifest_key


class ManifestDamaged(ValueError):
    """The stored text has another digest."""


async def read_manifest(buckets: ModeBuckets, digest: str) -> str | None:
    """The text; None if there is none. Raises DependencyUnavailable, ManifestDamaged."""
    try:
        bucket = await buckets.key_value(Bucket.MANIFESTS)
        entry = await bucket.get(manifest_key(digest))
    except KeyNotFoundError:
        return None
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"manifest {digest}: {error or type(error).__name__}") from error
    body = entry.value or b""
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        raise ManifestDamaged(f"the text stored as {digest} is damaged: it has another digest")
    return body.decode()


async def store_manifest(buckets: ModeBuckets, digest: str, text: str) -> None:
    """Store a text under its digest. Writing an existing one again refreshes its age. Raises DependencyUnavailable."""
    try:
        bucket = await buckets.key_value(Bucket.MANIFESTS)
        await bucket.put(manifest_key(digest), text.encode())
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"manifest {digest} is not stored: {error!r}") from error
