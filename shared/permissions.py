"""The NATS permissions of each account, made from `shared.access`: subjects with wildcards that the server enforces.

JetStream's API, acknowledgements and buckets have subjects of their own, so one right to consume a durable or to read
a bucket becomes several subjects here.
"""

from dataclasses import dataclass, field

from shared.access import ACCESS, inbox
from shared.subjects import (
    DEAD_LETTER_PREFIX,
    DURABLES,
    PUBLISHED_BY_OTHERS,
    REQUESTS_OF_OTHERS,
    STREAM_SUBJECTS,
    Bucket,
    Durable,
    Mode,
    Stream,
    Subject,
    dead_letter,
    from_outside,
    split_outside,
    stream_behind,
)

USER_INFO = "$SYS.REQ.USER.INFO"
"""The server replies with the user, the account and the permissions of the client that asks."""


@dataclass
class Permissions:
    """What a NATS user may publish and subscribe to, as subjects with wildcards."""

    publish: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    """Exceptions from `publish`."""
    subscribe: list[str] = field(default_factory=list)
    respond: bool = False
    """May reply to the requests that it receives."""


def permissions(account: str) -> Permissions:
    """The NATS permissions of an account of `ACCESS`."""
    access = ACCESS[account]
    granted = Permissions(subscribe=[f"{inbox(account)}.>"], respond=bool(access.answers))
    granted.publish += [USER_INFO] if access.consumes or access.administers else []
    if access.administers:
        granted.publish += ["$JS.API.>", "$JS.FC.>", *_moving_intake()]
    for mode in Mode:
        granted.publish += [mode.subject(subject) for subject in (*access.publishes, *access.requests)]
        granted.subscribe += [mode.subject(question) for question in access.answers]
        granted.publish += [subject for durable in access.consumes for subject in _consuming(mode, durable)]
        granted.publish += [
            f"$JS.API.CONSUMER.INFO.{mode.stream(durable.stream)}.{durable.name}" for durable in access.inspects
        ]
        granted.publish += [subject for stream in access.follows for subject in _following(mode.stream(stream))]
        granted.never += [subject for stream in access.follows for subject in _durables(mode, stream)]
        granted.publish += [subject for bucket in access.keeps for subject in _keeping(mode, bucket)]
        granted.publish += [subject for bucket in access.reads for subject in _reading(mode, bucket)]
        granted.publish += [subject for bucket in access.watches for subject in _watching(stream_behind(mode, bucket))]
        granted.publish += [subject for bucket in access.removes for subject in _removing(mode, bucket)]
        granted.publish += _replaying(mode) if access.replays else []
        if access.consumes:
            granted.publish += [f"$JS.API.STREAM.INFO.{mode.stream(stream)}" for stream in Stream]
    granted.publish, granted.never = sorted(set(granted.publish)), sorted(granted.never)
    return granted


def _moving_intake() -> list[str]:
    """To publish events of other systems that an earlier version took from our stream (`shared.bus.earlier_intake`)."""
    return [mode.subject(from_outside(subject)) for mode in Mode for subject in REQUESTS_OF_OTHERS]


def _consuming(mode: Mode, durable: Durable) -> list[str]:
    stream = mode.stream(durable.stream)
    dead_letters = [f"{DEAD_LETTER_PREFIX}.{subject}" for subject in durable.subjects]
    return [
        f"$JS.API.CONSUMER.INFO.{stream}.{durable.name}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable.name}",
        f"$JS.ACK.{stream}.{durable.name}.>",
        *_counting_tries(mode, durable),
        *(_in_turn(mode, durable) if durable.stream is Stream.OUTSIDE else ()),
        *(mode.subject(subject) for subject in dead_letters if durable.stream is not Stream.DLQ),
    ]


def _in_turn(mode: Mode, durable: Durable) -> list[str]:
    """Each system's stream has a consumer of this name, which a service may use in any stream; no other name."""
    published = [split_outside(subject)[1] for subject in durable.subjects]
    return [
        "$JS.API.STREAM.NAMES",
        f"$JS.API.CONSUMER.MSG.NEXT.*.{durable.name}",
        f"$JS.ACK.*.{durable.name}.>",
        *(dead_letter(mode, from_outside(subject, "*")) for subject in published),
    ]


def _counting_tries(mode: Mode, durable: Durable) -> list[str]:
    bucket, stream = mode.bucket(Bucket.TRIES), stream_behind(mode, Bucket.TRIES)
    keys = f"$KV.{bucket}.{durable.name}.>"
    return [keys, f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.DIRECT.GET.{stream}.{keys}"]


def _following(stream: str) -> list[str]:
    """To create and delete consumers whose names are in the request's subject, where the server can deny some names.

    A request without a name in its subject (`CONSUMER.CREATE.<stream>`) may have one in its body, and NATS 2.15 then
    changes the durable of that name. A common prefix can't be enforced: a wildcard stands for a whole name.
    """
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.*",
        f"$JS.API.CONSUMER.CREATE.{stream}.*.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.*",
        f"$JS.FC.{stream}.>",
    ]


def _durables(mode: Mode, stream: Stream) -> list[str]:
    """The durables of every service, its own included: only the bootstrap creates and changes them."""
    name = mode.stream(stream)
    durables = [f"{name}.{durable.name}" for durable in DURABLES if durable.stream is stream]
    return [
        f"$JS.API.CONSUMER.{verb}"
        for each in durables
        for verb in (f"CREATE.{each}", f"CREATE.{each}.>", f"DELETE.{each}")
    ]


def _watching(stream: str) -> list[str]:
    """A bucket has no durables; the server names a watcher, and other accounts don't learn the name."""
    return [
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.INFO.{stream}.*",
        f"$JS.FC.{stream}.>",
    ]


def _reading(mode: Mode, bucket: Bucket) -> list[str]:
    stream = stream_behind(mode, bucket)
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
    ]


def _keeping(mode: Mode, bucket: Bucket) -> list[str]:
    return [f"$KV.{mode.bucket(bucket)}.>", *_reading(mode, bucket)]


def _removing(mode: Mode, bucket: Bucket) -> list[str]:
    """To remove entries, but not to write any."""
    return [f"$JS.API.STREAM.PURGE.{stream_behind(mode, bucket)}"]


def _replaying(mode: Mode) -> list[str]:
    of_systems = [from_outside(subject, "*") for subject in PUBLISHED_BY_OTHERS]
    subjects = [*Subject, *STREAM_SUBJECTS[Stream.OUTSIDE], *of_systems]
    letters = mode.stream(Stream.DLQ)
    reading = ["STREAM.MSG.GET", "DIRECT.GET", "STREAM.MSG.DELETE"]
    return [*map(mode.subject, subjects), *(f"$JS.API.{each}.{letters}" for each in reading)]
