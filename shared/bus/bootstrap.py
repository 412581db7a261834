"""Creates streams, durables and buckets for both modes; nothing else does.

Running it again only changes what differs. Services pass `declare=False`, because a client that declares a stream
resets every option that it doesn't mention to its default.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BucketNotFoundError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from shared.bus.earlier_intake import move_earlier_intake
from shared.subjects import DURABLES, STREAM_SUBJECTS, Bucket, Durable, Mode, Stream, manifest_key
from shared.systems import durables_of_system, stream_of_system, subjects_of_system

_log = structlog.get_logger(__name__)

_HOUR = 3600.0
_DAY = 24 * _HOUR
_MIB = 1024**2
LEASE_SECONDS = 12.0
"""Time to live of a lease in seconds: another copy takes over within 15 s."""
_ACK_WAIT = 15.0
"""Seconds without a progress report until an event is delivered again; handlers report every 5 s."""
_BUCKET_DUPLICATE_WINDOW = 120.0
_DUPLICATE_WINDOW = 600.0
"""Seconds in which a message with a repeated id is dropped."""

LETTERS_OF_A_SUBJECT = 5000
"""Dead letters kept per subject; a further one removes the oldest. At the largest size that letters of other systems'
events can have, those of one system take 180 MiB, and those of all allowed systems fit into the stream."""
_ROOM_OF_A_SYSTEM = 64 * _MIB
"""Bytes of unfinished events of one named system: 60,000 small events, or 256 of the largest. Past it only this system
is refused."""
LONGEST_OF_OTHERS = 256 * 1024
"""Bytes of a message of another system, headers included. A tenant takes some hundred, 2,000 samples take 200,000.
Larger messages are refused, so that they can't use up the server's memory and the consumers' time."""

_TIMES_TO_LIVE = {Bucket.LEASES: LEASE_SECONDS, Bucket.TRIES: 7 * _DAY}
"""Seconds that a bucket keeps an entry, where it is bounded; delivery attempts are kept as long as their event."""
_LIMITS = {
    Stream.ECP: (7 * _DAY, 1024 * _MIB, DiscardPolicy.NEW, RetentionPolicy.LIMITS),
    Stream.METRICS: (6 * _HOUR, 512 * _MIB, DiscardPolicy.OLD, RetentionPolicy.LIMITS),
    Stream.OUTSIDE: (7 * _DAY, 256 * _MIB, DiscardPolicy.NEW, RetentionPolicy.WORK_QUEUE),
    Stream.DLQ: (30 * _DAY, 4096 * _MIB, DiscardPolicy.NEW, RetentionPolicy.LIMITS),
}
"""Age in seconds, size in bytes, what a full stream does (refuse, so that nothing accepted is lost, or drop the oldest
sample), and whether finished messages are removed. They are for other systems' events, which are published again as
our own: so a system is refused only while that much of it is unfinished."""


async def bootstrap(jetstream: JetStreamContext, *, replicas: int = 1, systems: Iterable[str] = ()) -> None:
    """Create everything in `shared.subjects`, and the streams and consumers of each of the other `systems`.

    Idempotent, and safe to run twice at once. The events of a system that is no longer named are kept.
    """
    for mode in Mode:
        for stream in Stream:
            await _ensure_stream(jetstream, stream_config(mode, stream, replicas))
        for durable in DURABLES:
            await jetstream.add_consumer(mode.stream(durable.stream), consumer_config(mode, durable))
        for bucket in Bucket:
            await _ensure_key_value(jetstream, mode, bucket, replicas)
        await _move_manifests(jetstream, mode)
        await move_earlier_intake(jetstream, mode)
    for system in systems:
        await make_system(jetstream, system, replicas=replicas)
    _log.info("Streams, consumers and buckets are in place.", action="bootstrap")


async def make_system(jetstream: JetStreamContext, system: str, *, replicas: int = 1) -> None:
    """Create the streams and consumers of another named system. Idempotent."""
    for mode in Mode:
        name = stream_of_system(mode, system)
        common = stream_config(mode, Stream.OUTSIDE, replicas)
        own = replace(common, name=name, subjects=subjects_of_system(mode, system), max_bytes=_ROOM_OF_A_SYSTEM)
        await _ensure_stream(jetstream, own)
        for durable in durables_of_system(system):
            await jetstream.add_consumer(name, replace(consumer_config(mode, durable), max_ack_pending=1))


def stream_config(mode: Mode, stream: Stream, replicas: int) -> StreamConfig:
    """The complete configuration of a stream."""
    age, size, discard, retention = _LIMITS[stream]
    return StreamConfig(
        name=mode.stream(stream),
        subjects=[mode.subject(subject) for subject in STREAM_SUBJECTS[stream]],
        retention=retention,
        storage=StorageType.FILE,
        discard=discard,
        max_age=age,
        max_bytes=size,
        max_msg_size=LONGEST_OF_OTHERS if stream is Stream.OUTSIDE else -1,
        max_msgs_per_subject=LETTERS_OF_A_SUBJECT if stream is Stream.DLQ else -1,
        duplicate_window=_DUPLICATE_WINDOW,
        num_replicas=replicas,
        allow_direct=True,
    )


def consumer_config(mode: Mode, durable: Durable) -> ConsumerConfig:
    """The complete configuration of a durable. `max_deliver` is unbounded: the failure policy counts the attempts."""
    return ConsumerConfig(
        durable_name=durable.name,
        filter_subjects=[mode.subject(subject) for subject in durable.subjects],
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=_ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=1000,
    )


async def _ensure_stream(jetstream: JetStreamContext, config: StreamConfig) -> None:
    name = config.name or ""
    try:
        await jetstream.stream_info(name)
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        given = {each.name: getattr(config, each.name) for each in fields(config)}
        await _change(jetstream, name, **{key: value for key, value in given.items() if value is not None})


async def _ensure_key_value(jetstream: JetStreamContext, mode: Mode, bucket: Bucket, replicas: int) -> None:
    name, ttl = mode.bucket(bucket), _TIMES_TO_LIVE.get(bucket)
    try:
        await jetstream.key_value(name)
    except BucketNotFoundError:
        config = KeyValueConfig(name, history=1, ttl=ttl, storage=StorageType.FILE, replicas=replicas, direct=True)
        await jetstream.create_key_value(config)
    else:
        await _change(
            jetstream,
            f"KV_{name}",
            max_age=ttl or 0.0,
            duplicate_window=min(ttl or _BUCKET_DUPLICATE_WINDOW, _BUCKET_DUPLICATE_WINDOW),
            max_msgs_per_subject=1,
            num_replicas=replicas,
            allow_direct=True,
        )


async def _move_manifests(jetstream: JetStreamContext, mode: Mode) -> None:
    """Move the manifests of version 0.1, which kept them in an object store of the same name, into the bucket.

    The store is sealed first, so that a running worker of that version can't store more and holds its events for its
    successor. It is safe to run twice at once: both put the same content, and one finds the store deleted.
    """
    name = mode.bucket(Bucket.MANIFESTS)
    with suppress(BucketNotFoundError, NotFoundError):
        store = await jetstream.object_store(name)
        await store.seal()  # type: ignore[no-untyped-call]
        bucket = await jetstream.key_value(name)
        for digest in await _listed(store):
            with suppress(ObjectNotFoundError):  # incomplete, so no event refers to it
                await bucket.put(manifest_key(digest), (await store.get(digest)).data or b"")
        await jetstream.delete_object_store(name)
        _log.info(f"Moved the manifests of the object store {name}.", action="move-manifests")


async def _listed(store: ObjectStore) -> list[str]:
    try:
        return [each.name for each in await store.list(ignore_deletes=True)]
    except NotFoundError:  # an empty store answers so
        return []


async def _change(jetstream: JetStreamContext, stream: str, **wanted: Any) -> None:
    """Change the options of the stream that differ from `wanted`; others stay."""
    current = (await jetstream.stream_info(stream)).config
    changes = {name: value for name, value in wanted.items() if getattr(current, name) != value}
    if changes:
        _log.info(f"Changed {', '.join(changes)} of stream {stream}.", action="update-stream")
        await jetstream.update_stream(replace(current, **changes))
