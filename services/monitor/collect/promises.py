"""Reads what was deployed: the deployer's records in key-value buckets, and the manifests that they name.

Nothing is consumed or stored, so every replica gets the same result, also after a restart. Records are read again only
after the bucket has changed; a manifest never changes under its digest.
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

from services.monitor.collect.deployer_records import AppliedRecord, promise_in
from shared.bus.publishing import NATS_ERRORS
from shared.bus.stream_scan import scan_stream
from shared.errors import DependencyUnavailable
from shared.kube.manifest_text import is_json, stored_objects
from shared.kube.objects import Obj
from shared.reading import InvalidText
from shared.reading.single import parse_documents
from shared.sla import Promise, promise_of
from shared.subjects import manifest_key
from shared.tenants import NAMESPACE_PREFIX

_KEPT = 2000
"""Manifests whose promise is cached: some hundred bytes each."""
_PROMISING = re.compile("Deployment|StatefulSet|HorizontalPodAutoscaler|PodDisruptionBudget")
_log = structlog.get_logger(__name__)


class DeployedPromises:
    """What was deployed on one target."""

    def __init__(
        self,
        records: str,
        target: str,
        jetstream: Callable[[], JetStreamContext],
        manifests: Callable[[], Awaitable[KeyValue]],
    ) -> None:
        """`records` is the name of the bucket of records on the server."""
        self._stream = f"KV_{records}"
        self._prefix = f"$KV.{records}.{target}."
        self._jetstream = jetstream
        self._manifests = manifests
        self._records: dict[str, AppliedRecord] = {}
        self._seen = 0
        self._created: datetime | None = None
        self._known: dict[str, Promise | None] = {}
        """By digest; None for a manifest that was missing at the last read."""
        self._found: dict[str, tuple[AppliedRecord, Promise | None]] = {}
        """By tenant: the record, and the promise that follows from it."""
        self._unreadable: set[str] = set()
        """Digests of manifests that can't be parsed; they aren't read again."""

    async def read(self) -> Mapping[str, Promise]:
        """The promise of each deployed tenant, by id. Raises DependencyUnavailable."""
        try:
            await self._read_records()
            return await self._read_promises()
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"records of deployments: {error or type(error).__name__}") from error

    async def _read_records(self) -> None:
        """Read the changes since the last read; everything if the bucket was created again."""
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
        self._found = {tenant_id: self._promise(tenant_id, each) for tenant_id, each in self._records.items()}
        return {tenant_id: promise for tenant_id, (_, promise) in self._found.items() if promise is not None}

    def _promise(self, tenant_id: str, record: AppliedRecord) -> tuple[AppliedRecord, Promise | None]:
        """The same promise for the same record, so that readers see at a glance that nothing changed."""
        before = self._found.get(tenant_id)
        if before is not None and before[0] is record and before[1] is not None:
            return before
        return record, promise_in(record, self._known.get)

    async def _fetch(self, tenant_id: str, digest: str) -> Promise | None:
        try:
            entry = await (await self._manifests()).get(manifest_key(digest))
        except KeyNotFoundError:
            return None
        try:
            # In a thread, since parsing a large manifest takes a tenth of a second.
            return await asyncio.to_thread(read_promise, (entry.value or b"").decode(), tenant_id)
        except (InvalidText, ValueError, KeyError, TypeError, AttributeError) as error:
            self._unreadable.add(digest)
            _log.warning(f"Skipped an unreadable manifest: {error!r}", action="skip-manifest", tenant_id=tenant_id)
            return None


def read_promise(text: str, tenant_id: str) -> Promise:
    """The promise of a manifest. Objects without a namespace are in the tenant's."""
    if is_json(text):
        return promise_of(stored_objects(text, f"{NAMESPACE_PREFIX}{tenant_id}"))
    parts = [part for part in text.split("\n---\n") if _PROMISING.search(part)]
    documents = (document for part in parts for document in parse_documents(part))
    objects = (obj for each in documents if each for obj in (each["items"] if each.get("kind") == "List" else [each]))
    return promise_of(_placed(each, f"{NAMESPACE_PREFIX}{tenant_id}") for each in objects)


def _placed(obj: Obj, namespace: str) -> Obj:
    return {**obj, "metadata": {"namespace": namespace, **obj["metadata"]}}


def _readable(tenant_id: str, body: bytes) -> AppliedRecord | None:
    """None for a removed record, and for one of an incompatible version."""
    if not body:
        return None
    try:
        return AppliedRecord.model_validate_json(body)
    except ValidationError as error:
        _log.error(f"Skipped an unreadable record of the deployer: {error}", action="skip-record", tenant_id=tenant_id)
        return None
