"""Makes streams, durables and buckets, for both modes. The only place that does.

Running it again changes only what differs.

Services say `declare=False`, because a client that declares a stream in passing would set everything that it doesn't
mention back to the defaults.
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

from shared.subjects import DURABLES, STREAM_SUBJECTS, Bucket, Durable, Mode, Stream, manifest_key
from shared.systems import durables_of_system, stream_of_system, subjects_of_system

_log = structlog.get_logger(__name__)

_HOUR = 3600.0
_DAY = 24 * _HOUR
_MIB = 1024**2
LEASE_SECONDS = 12.0
"""Time to live of a lease: another copy takes over within 15 s."""
_ACK_WAIT = 15.0
"""Seconds without a sign of life until an event is delivered again; handlers show life every 5 s."""
_BUCKET_DUPLICATE_WINDOW = 120.0
_DUPLICATE_WINDOW = 600.0
"""Seconds in which a repeated message id is dropped."""

LETTERS_OF_A_SUBJECT = 5000
"""Dead letters of one subject; the oldest goes for a further one. With letters of other systems' events at their
largest, those of one system take 180 MiB, and of as many systems as there may be less than the stream has."""
_ROOM_OF_A_SYSTEM = 64 * _MIB
"""Bytes of what one system with a name has published and what isn't done: 60,000 small events, or 256 of the largest.
Then it is refused, and no other one."""
LONGEST_OF_OTHERS = 256 * 1024
"""Bytes of a message of another system, headers included: a tenant has some hundred, 2,000 samples have 200,000. What
is larger is refused at once, and so can't use up the server's memory and the intake's time."""

_TIMES_TO_LIVE = {Bucket.LEASES: LEASE_SECONDS, Bucket.TRIES: 7 * _DAY}
"""Seconds that a bucket keeps an entry, where that is not for ever; a mark of tries as long as its event at most."""
_LIMITS = {
    Stream.ECP: (7 * _DAY, 1024 * _MIB, DiscardPolicy.NEW, RetentionPolicy.LIMITS),
    Stream.METRICS: (6 * _HOUR, 512 * _MIB, DiscardPolicy.OLD, RetentionPolicy.LIMITS),
    Stream.OUTSIDE: (7 * _DAY, 256 * _MIB, DiscardPolicy.NEW, RetentionPolicy.WORK_QUEUE),
    Stream.DLQ: (30 * _DAY, 4096 * _MIB, DiscardPolicy.NEW, RetentionPolicy.LIMITS),
}
"""Age in seconds, size in bytes, what a full stream does (refuse, so that nothing accepted is lost, or forget the
oldest sample), and whether it forgets what is done: what other systems said is said again as our own, and they are
refused only while that much of it waits."""


async def bootstrap(jetstream: JetStreamContext, *, replicas: int = 1, systems: Iterable[str] = ()) -> None:
    """Make everything that is named in `shared.subjects`, and what each of the other `systems` needs.

    Idempotent, and safe when two run at once. What a system has published stays when it is no longer named.
    """
    for mode in Mode:
        for stream in Stream:
            await _ensure_stream(jetstream, stream_config(mode, stream, replicas))
        for durable in DURABLES:
            await jetstream.add_consumer(mode.stream(durable.stream), consumer_config(mode, durable))
        for bucket in Bucket:
            await _ensure_key_value(jetstream, mode, bucket, replicas)
        await _move_manifests(jetstream, mode)
    for system in systems:
        await make_system(jetstream, system, replicas=replicas)
    _log.info("Streams, consumers and buckets are there.", action="bootstrap")


async def make_system(jetstream: JetStreamContext, system: str, *, replicas: int = 1) -> None:
    """Make the streams and consumers of another system with a name. Idempotent."""
    for mode in Mode:
        name = stream_of_system(mode, system)
        common = stream_config(mode, Stream.OUTSIDE, replicas)
        own = replace(common, name=name, subjects=subjects_of_system(mode, system), max_bytes=_ROOM_OF_A_SYSTEM)
        await _ensure_stream(jetstream, own)
        for durable in durables_of_system(system):
            await jetstream.add_consumer(name, replace(consumer_config(mode, durable), max_ack_pending=1))


def stream_config(mode: Mode, stream: Stream, replicas: int) -> StreamConfig:
    """The whole configuration of a stream."""
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
    """The whole configuration of a durable. The failure policy counts the tries, hence no `max_deliver`."""
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
    """Take over the manifests of version 0.1, which kept them in an object store of the same name.

    It is sealed first: a worker of that version that still runs can store nothing more, and holds the event for its
    successor. Two may do this at once: both put the same, and one finds the store gone.
    """
    name = mode.bucket(Bucket.MANIFESTS)
    with suppress(BucketNotFoundError, NotFoundError):
        store = await jetstream.object_store(name)
        await store.seal()  # type: ignore[no-untyped-call]
        bucket = await jetstream.key_value(name)
        for digest in await _listed(store):
            with suppress(ObjectNotFoundError):  # only half stored, and so nobody has heard of it
                await bucket.put(manifest_key(digest), (await store.get(digest)).data or b"")
        await jetstream.delete_object_store(name)
        _log.info(f"The manifests of the object store {name} are moved.", action="move-manifests")


async def _listed(store: ObjectStore) -> list[str]:
    try:
        return [each.name for each in await store.list(ignore_deletes=True)]
    except NotFoundError:  # that is how an empty one is listed
        return []


async def _change(jetstream: JetStreamContext, stream: str, **wanted: Any) -> None:
    """Give the stream what is `wanted`, if it differs; what isn't mentioned stays as it is."""
    current = (await jetstream.stream_info(stream)).config
    changes = {name: value for name, value in wanted.items() if getattr(current, name) != value}
    if changes:
        _log.info(f"Stream {stream} gets another {', '.join(changes)}.", action="update-stream")
        await jetstream.update_stream(replace(current, **changes))
