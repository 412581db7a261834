"""Who may say, hear and keep what on the bus: the contract as least privilege.

One account (a NATS user) for each service, for the bootstrap, for operators and for other systems. From these tables
come the permissions of the embedded server and of production's, and the owners in the AsyncAPI document. A denied
publish shows to a client only as a time-out, so a test runs each service within its permissions.

Users live in two accounts of NATS, which share no subject: ours, with JetStream, and that of other systems. What the
others may say is the one way over (`crossings`), and the server renames it on the way: that an event comes from
elsewhere is in its subject, which no sender chooses, and not in a header, which any sender may write.
"""

from dataclasses import dataclass, field

from shared.subjects import (
    CALCULATOR_SIZES_DEPLOYMENTS,
    CALCULATOR_SIZES_TENANTS,
    DEAD_LETTER_PREFIX,
    DEPLOYER_ACCEPTS_MANIFESTS,
    DEPLOYER_ACCEPTS_OPERATIONS,
    GATEWAY_FAILS_DEAD_LETTERS,
    GATEWAY_KEEPS_SLA,
    GATEWAY_PROJECTS,
    GATEWAY_TAKES_IN,
    GATEWAY_TAKES_IN_OUTSIDE,
    MANIFEST_RENDERS,
    MONITOR_STORES,
    MONITOR_TAKES_IN_OUTSIDE,
    SAID_BY_OTHERS,
    STREAM_SUBJECTS,
    Bucket,
    Durable,
    Mode,
    Rpc,
    Stream,
    Subject,
    from_outside,
)

OUTSIDE = "outside"
"""The account of other systems."""
OPERATOR = "operator"
"""The account of people at a terminal: dead letters."""
BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class Access:
    """What one account needs. Everything holds in both modes."""

    says: tuple[Subject, ...] = ()
    consumes: tuple[Durable, ...] = ()
    follows: tuple[Stream, ...] = ()
    """Streams that it reads by ordered consumers of its own."""
    answers: tuple[Rpc, ...] = ()
    asks: tuple[Rpc, ...] = ()
    keeps: tuple[Bucket, ...] = ()
    """Buckets that it reads and writes."""
    reads: tuple[Bucket, ...] = ()
    replays: bool = False
    """May put dead letters back where they came from."""
    administers: bool = False


ACCESS: dict[str, Access] = {
    "gateway": Access(
        says=(
            Subject.TENANT_CREATED,
            Subject.TENANT_UPDATED,
            Subject.DEPLOY_REQUESTED,
            Subject.OPERATION_REQUESTED,
            Subject.METRICS_COLLECTED,
            # Of what has become a dead letter.
            Subject.DEPLOY_FAILED,
        ),
        consumes=(
            GATEWAY_PROJECTS,
            GATEWAY_KEEPS_SLA,
            GATEWAY_TAKES_IN,
            GATEWAY_TAKES_IN_OUTSIDE,
            GATEWAY_FAILS_DEAD_LETTERS,
        ),
        follows=(Stream.ECP, Stream.METRICS),
        asks=tuple(Rpc),
    ),
    "calculator": Access(
        says=(Subject.RESOURCES_CALCULATED, Subject.RESOURCES_REJECTED),
        consumes=(CALCULATOR_SIZES_TENANTS, CALCULATOR_SIZES_DEPLOYMENTS),
        answers=(Rpc.CALCULATE, Rpc.RECOMMEND),
    ),
    "manifest": Access(
        says=(Subject.MANIFEST_RENDERED, Subject.MANIFEST_REJECTED),
        consumes=(MANIFEST_RENDERS,),
        answers=(Rpc.RENDER, Rpc.VALIDATE),
        asks=(Rpc.CAPACITY,),
        keeps=(Bucket.MANIFESTS,),
    ),
    "deployer": Access(
        says=(
            Subject.DEPLOY_STARTED,
            Subject.DEPLOY_PROGRESSED,
            Subject.DEPLOY_COMPLETED,
            Subject.DEPLOY_FAILED,
            Subject.DEPLOY_ROLLED_BACK,
            Subject.DEPLOY_SUPERSEDED,
            Subject.DEPLOY_DRIFTED,
            Subject.TENANT_DELETED,
        ),
        consumes=(DEPLOYER_ACCEPTS_MANIFESTS, DEPLOYER_ACCEPTS_OPERATIONS),
        answers=(Rpc.CAPACITY, Rpc.DIFF),
        keeps=(Bucket.DESIRED, Bucket.APPLIED, Bucket.LEASES),
        reads=(Bucket.MANIFESTS,),
    ),
    "monitor": Access(
        says=(Subject.METRICS_COLLECTED, Subject.SLA_REPORTED, Subject.ALERT_RAISED, Subject.ALERT_RESOLVED),
        consumes=(MONITOR_STORES, MONITOR_TAKES_IN_OUTSIDE),
        answers=(Rpc.SLA_REPORT, Rpc.MAINTENANCE),
        keeps=(Bucket.LEASES,),
    ),
    # In the account of others; in ours this is called as `crossings` has it.
    OUTSIDE: Access(says=SAID_BY_OTHERS),
    OPERATOR: Access(follows=(Stream.DLQ,), replays=True),
    BOOTSTRAP: Access(administers=True),
}


def crossings() -> dict[str, str]:
    """What other systems say in their account, and what it is called in ours."""
    return {mode.subject(subject): mode.subject(from_outside(subject)) for mode in Mode for subject in SAID_BY_OTHERS}


def publishers(subject: Subject) -> tuple[str, ...]:
    """The accounts that may say `subject`."""
    return tuple(name for name, access in ACCESS.items() if subject in access.says)


def readers(subject: Subject) -> tuple[str, ...]:
    """The services that consume `subject`."""
    return tuple(
        name for name, access in ACCESS.items() if any(subject in durable.subjects for durable in access.consumes)
    )


@dataclass
class Permissions:
    """What a NATS user may publish and subscribe to, as subjects with wildcards."""

    publish: list[str] = field(default_factory=list)
    subscribe: list[str] = field(default_factory=list)
    respond: bool = False
    """May answer on the reply subject of a question that it got."""


def permissions(account: str) -> Permissions:
    """The NATS permissions of an account of `ACCESS`."""
    access = ACCESS[account]
    granted = Permissions(subscribe=[f"{inbox(account)}.>"], respond=bool(access.answers))
    if access.administers:
        granted.publish.append("$JS.API.>")
    for mode in Mode:
        granted.publish += [mode.subject(subject) for subject in (*access.says, *access.asks)]
        granted.subscribe += [mode.subject(question) for question in access.answers]
        granted.publish += [subject for durable in access.consumes for subject in _consuming(mode, durable)]
        granted.publish += [subject for stream in access.follows for subject in _following(mode.stream(stream))]
        granted.publish += [subject for bucket in access.keeps for subject in _keeping(mode, bucket)]
        granted.publish += [subject for bucket in access.reads for subject in _reading(mode, bucket)]
        granted.publish += _replaying(mode) if access.replays else []
        if access.consumes:
            granted.publish += [f"$JS.API.STREAM.INFO.{mode.stream(stream)}" for stream in Stream]
    granted.publish = sorted(set(granted.publish))
    return granted


def inbox(account: str) -> str:
    """The prefix of an account's inboxes: replies to others are none of its business."""
    return f"_INBOX.{account}"


def _consuming(mode: Mode, durable: Durable) -> list[str]:
    stream = mode.stream(durable.stream)
    dead_letters = [f"{DEAD_LETTER_PREFIX}.{subject}" for subject in durable.subjects]
    return [
        f"$JS.API.CONSUMER.INFO.{stream}.{durable.name}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable.name}",
        f"$JS.ACK.{stream}.{durable.name}.>",
        *_counting_tries(mode, durable),
        *(mode.subject(subject) for subject in dead_letters if durable.stream is not Stream.DLQ),
    ]


def _counting_tries(mode: Mode, durable: Durable) -> list[str]:
    bucket, stream = mode.bucket(Bucket.TRIES), _stream_of(mode, Bucket.TRIES)
    keys = f"$KV.{bucket}.{durable.name}.>"
    return [keys, f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.DIRECT.GET.{stream}.{keys}"]


def _following(stream: str) -> list[str]:
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]


def _reading(mode: Mode, bucket: Bucket) -> list[str]:
    # nats-py looks up an object store's stream by its subject.
    look_up = ["$JS.API.STREAM.NAMES"] if bucket is Bucket.MANIFESTS else []
    return [*_following(_stream_of(mode, bucket)), *look_up]


def _keeping(mode: Mode, bucket: Bucket) -> list[str]:
    name = mode.bucket(bucket)
    content = f"$O.{name}.>" if bucket is Bucket.MANIFESTS else f"$KV.{name}.>"
    return [content, f"$JS.API.STREAM.PURGE.{_stream_of(mode, bucket)}", *_reading(mode, bucket)]


def _stream_of(mode: Mode, bucket: Bucket) -> str:
    """JetStream keeps a bucket in a stream of this name."""
    return f"{'OBJ' if bucket is Bucket.MANIFESTS else 'KV'}_{mode.bucket(bucket)}"


def _replaying(mode: Mode) -> list[str]:
    subjects = [*Subject, *STREAM_SUBJECTS[Stream.OUTSIDE]]
    return [*map(mode.subject, subjects), f"$JS.API.STREAM.MSG.DELETE.{mode.stream(Stream.DLQ)}"]
