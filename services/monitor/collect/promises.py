"""Reads what was deployed: the deployer's records in key-value, and the manifests that they name.

Nothing has to be consumed or kept for it, so that it is the same after a restart, and for every copy of the monitor.
Records are read again only when the bucket has something new; a manifest never changes under its digest.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue
from pydantic import ValidationError

from services.monitor.collect.deployer_records import Record, promise_in
from shared.access import stream_behind
from shared.bus.publishing import NATS_ERRORS
from shared.bus.stream_scan import scan_stream
from shared.errors import DependencyUnavailable
from shared.kube.objects import Obj
from shared.reading import InvalidText
from shared.reading.single import parse_documents
from shared.sla import Promise, promise_of
from shared.subjects import Bucket, Mode, manifest_key
from shared.tenants import NAMESPACE_PREFIX

_KEPT = 2000
"""Manifests whose promise is kept in memory: some hundred bytes each."""
_PROMISING = re.compile("Deployment|StatefulSet|HorizontalPodAutoscaler|PodDisruptionBudget")
_log = structlog.get_logger(__name__)


class Promises:
    """What was deployed on one target of one mode."""

    def __init__(
        self,
        mode: Mode,
        target: str,
        jetstream: Callable[[], JetStreamContext],
        manifests: Callable[[], Awaitable[KeyValue]],
    ) -> None:
        self._stream = stream_behind(mode, Bucket.APPLIED)
        self._prefix = f"$KV.{mode.bucket(Bucket.APPLIED)}.{target}."
        self._jetstream = jetstream
        self._manifests = manifests
        self._records: dict[str, Record] = {}
        self._seen = 0
        self._created: datetime | None = None
        self._known: dict[str, Promise | None] = {}
        """By digest."""
        self._unreadable: set[str] = set()
        """Digests of manifests that are there and can't be read, which no second look changes."""

    async def read(self) -> Mapping[str, Promise]:
        """The promise of each tenant that was deployed. Raises DependencyUnavailable."""
        try:
            await self._read_records()
            return await self._read_promises()
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"what was deployed: {error or type(error).__name__}") from error

    async def _read_records(self) -> None:
        """What is new since the last time; all of it where the bucket isn't the one that it was."""
        info = await self._jetstream().stream_info(self._stream)
        if info.created != self._created or info.state.last_seq < self._seen:
            self._records, self._seen, self._created = {}, 0, info.created
        if info.state.last_seq == self._seen:
            return
        async for message in scan_stream(self._jetstream(), self._stream, f"{self._prefix}*", after=self._seen):
            tenant_id = (message.subject or "").removeprefix(self._prefix)
            self._seen = message.seq or self._seen
            if record := _readable(tenant_id, message.data or b""):
                self._records[tenant_id] = record
            else:
                self._records.pop(tenant_id, None)

    async def _read_promises(self) -> Mapping[str, Promise]:
        for tenant_id, record in self._records.items():
            for digest in record.digests:
                if self._known.get(digest) is None and digest not in self._unreadable:
                    self._known[digest] = await self._fetch(tenant_id, digest)
        needed = {digest for record in self._records.values() for digest in record.digests}
        if len(self._known) > max(_KEPT, 2 * len(needed)):
            self._unreadable &= needed
            self._known = {digest: promise for digest, promise in self._known.items() if digest in needed}
        found = {tenant_id: promise_in(each, self._known.get) for tenant_id, each in self._records.items()}
        return {tenant_id: promise for tenant_id, promise in found.items() if promise is not None}

    async def _fetch(self, tenant_id: str, digest: str) -> Promise | None:
        try:
            entry = await (await self._manifests()).get(manifest_key(digest))
        except KeyNotFoundError:
            return None
        try:
            # A thread, since a large manifest is a tenth of a second of work.
            return await asyncio.to_thread(read_promise, (entry.value or b"").decode(), tenant_id)
        except (InvalidText, ValueError, KeyError, TypeError, AttributeError) as error:
            self._unreadable.add(digest)
            _log.warning(f"A manifest can't be read: {error!r}", action="skip-manifest", tenant_id=tenant_id)
            return None


def read_promise(text: str, tenant_id: str) -> Promise:
    """The promise of a manifest's text. Objects without a namespace are in the tenant's."""
    parts = [part for part in text.split("\n---\n") if _PROMISING.search(part)]
    documents = (document for part in parts for document in parse_documents(part))
    objects = (obj for each in documents if each for obj in (each["items"] if each.get("kind") == "List" else [each]))
    return promise_of(_placed(each, f"{NAMESPACE_PREFIX}{tenant_id}") for each in objects)


def _placed(obj: Obj, namespace: str) -> Obj:
    return {**obj, "metadata": {"namespace": namespace, **obj["metadata"]}}


def _readable(tenant_id: str, body: bytes) -> Record | None:
    """None for what was removed, or was written by a version that we can't read."""
    if not body:
        return None
    try:
        return Record.model_validate_json(body)
    except ValidationError as error:
        _log.error(f"A record of the deployer can't be read: {error}", action="skip-record", tenant_id=tenant_id)
        return None
