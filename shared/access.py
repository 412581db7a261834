"""Who may publish, consume and store what on the bus: the contract as least privilege.

One account (a NATS user) for each service, for the bootstrap, for operators and for other systems. From these tables
come the permissions of the embedded server and of production's, and the owners in the AsyncAPI document. A denied
publish shows to a client only as a time-out, so a test runs each service within its permissions.

NATS users belong to accounts, which share no subject: ours, with JetStream, and one for each other system. Only the
subjects that other systems may publish are imported into ours (`crossings`), and the server renames them. So the
subject, which a sender can't choose, tells that an event comes from another system and from which one; headers, which
every sender can write, don't matter.
"""

from dataclasses import dataclass, field

from shared.subjects import (
    CALCULATOR_SIZES_DEPLOYMENTS,
    CALCULATOR_SIZES_TENANTS,
    DEAD_LETTER_PREFIX,
    DEPLOYER_ACCEPTS_MANIFESTS,
    DEPLOYER_ACCEPTS_OPERATIONS,
    DURABLES,
    GATEWAY_FAILS_DEAD_LETTERS,
    GATEWAY_INGESTS_OUTSIDE,
    GATEWAY_KEEPS_SLA,
    GATEWAY_PROJECTS,
    MANIFEST_RENDERS,
    MONITOR_INGESTS_OUTSIDE,
    MONITOR_STORES,
    PUBLISHED_BY_OTHERS,
    REQUESTS_OF_OTHERS,
    STREAM_SUBJECTS,
    Bucket,
    Durable,
    Mode,
    Rpc,
    Stream,
    Subject,
    dead_letter,
    from_outside,
    split_outside,
)

OUTSIDE = "outside"
"""The account of the other system without a name of its own; `shared.systems` has the named ones."""
OPERATOR = "operator"
"""The account of operators at a terminal: dead letters."""
BOOTSTRAP = "bootstrap"
USER_INFO = "$SYS.REQ.USER.INFO"
"""The server replies with the user, the account and the permissions of the client that asks."""


@dataclass(frozen=True)
class Access:
    """What one account may do, in both modes."""

    publishes: tuple[Subject, ...] = ()
    consumes: tuple[Durable, ...] = ()
    inspects: tuple[Durable, ...] = ()
    """Consumers of other services whose progress it polls."""
    follows: tuple[Stream, ...] = ()
    """Streams that it reads by ordered consumers of its own, whose names the server checks: see `_following`."""
    answers: tuple[Rpc, ...] = ()
    requests: tuple[Rpc, ...] = ()
    keeps: tuple[Bucket, ...] = ()
    """Buckets that it reads and writes."""
    reads: tuple[Bucket, ...] = ()
    removes: tuple[Bucket, ...] = ()
    """Buckets from which it removes what is no longer needed."""
    watches: tuple[Bucket, ...] = ()
    """Buckets that it watches, which needs a consumer."""
    replays: bool = False
    """May read dead letters and replay them."""
    administers: bool = False


ACCESS: dict[str, Access] = {
    "gateway": Access(
        publishes=(
            Subject.TENANT_CREATED,
            Subject.TENANT_UPDATED,
            Subject.DEPLOY_REQUESTED,
            Subject.OPERATION_REQUESTED,
            Subject.METRICS_COLLECTED,
            # For deployments whose event became a dead letter.
            Subject.DEPLOY_FAILED,
        ),
        consumes=(
            GATEWAY_PROJECTS,
            GATEWAY_KEEPS_SLA,
            GATEWAY_INGESTS_OUTSIDE,
            GATEWAY_FAILS_DEAD_LETTERS,
        ),
        # Unfinished requests are republished only while no worker has pending events.
        inspects=tuple(durable for durable in DURABLES if durable.stream is Stream.ECP),
        follows=(Stream.ECP, Stream.METRICS),
        requests=tuple(Rpc),
        # It has the rows that refer to manifests, so it knows which ones are unreferenced.
        reads=(Bucket.MANIFESTS, Bucket.DESIRED, Bucket.APPLIED),
        removes=(Bucket.MANIFESTS,),
    ),
    "calculator": Access(
        publishes=(Subject.RESOURCES_CALCULATED, Subject.RESOURCES_REJECTED),
        consumes=(CALCULATOR_SIZES_TENANTS, CALCULATOR_SIZES_DEPLOYMENTS),
        answers=(Rpc.CALCULATE, Rpc.RECOMMEND),
    ),
    "manifest": Access(
        publishes=(Subject.MANIFEST_RENDERED, Subject.MANIFEST_REJECTED),
        consumes=(MANIFEST_RENDERS,),
        answers=(Rpc.RENDER, Rpc.VALIDATE),
        requests=(Rpc.CAPACITY,),
        keeps=(Bucket.MANIFESTS,),
    ),
    "deployer": Access(
        publishes=(
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
        answers=(Rpc.CAPACITY, Rpc.ROOM, Rpc.DIFF),
        keeps=(Bucket.DESIRED, Bucket.APPLIED, Bucket.LEASES),
        reads=(Bucket.MANIFESTS,),
        watches=(Bucket.DESIRED, Bucket.APPLIED),
    ),
    "monitor": Access(
        publishes=(Subject.METRICS_COLLECTED, Subject.SLA_REPORTED, Subject.ALERT_RAISED, Subject.ALERT_RESOLVED),
        consumes=(MONITOR_STORES, MONITOR_INGESTS_OUTSIDE),
        answers=(Rpc.SLA_REPORT, Rpc.MAINTENANCE),
        keeps=(Bucket.LEASES,),
        # The deployer's records and manifests define what should run.
        reads=(Bucket.APPLIED, Bucket.MANIFESTS),
    ),
    # In its own account; `crossings` has the names of these subjects in ours.
    OUTSIDE: Access(publishes=PUBLISHED_BY_OTHERS),
    OPERATOR: Access(replays=True),
    # Manifests, to move those of an earlier version.
    BOOTSTRAP: Access(administers=True, keeps=(Bucket.MANIFESTS,)),
}


def crossings(system: str = OUTSIDE) -> dict[str, str]:
    """The subjects that another system publishes in its account, with their names in ours."""
    return {
        mode.subject(subject): mode.subject(from_outside(subject, system))
        for mode in Mode
        for subject in PUBLISHED_BY_OTHERS
    }


def publishers(subject: Subject) -> tuple[str, ...]:
    """The accounts that may publish `subject`."""
    return tuple(name for name, access in ACCESS.items() if subject in access.publishes)


def readers(subject: Subject) -> tuple[str, ...]:
    """The services that consume `subject`."""
    return tuple(
        name for name, access in ACCESS.items() if any(subject in durable.subjects for durable in access.consumes)
    )


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


def inbox(account: str) -> str:
    """The prefix of an account's inboxes, so that it can't receive replies to others."""
    return f"_INBOX.{account}"


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


def stream_behind(mode: Mode, bucket: Bucket) -> str:
    """The stream in which JetStream stores a bucket."""
    return f"KV_{mode.bucket(bucket)}"


def _replaying(mode: Mode) -> list[str]:
    of_systems = [from_outside(subject, "*") for subject in PUBLISHED_BY_OTHERS]
    subjects = [*Subject, *STREAM_SUBJECTS[Stream.OUTSIDE], *of_systems]
    letters = mode.stream(Stream.DLQ)
    reading = ["STREAM.MSG.GET", "DIRECT.GET", "STREAM.MSG.DELETE"]
    return [*map(mode.subject, subjects), *(f"$JS.API.{each}.{letters}" for each in reading)]
