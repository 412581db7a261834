"""Who may publish, consume and store what on the bus: the contract as least privilege.

One account (a NATS user) for each service, for the bootstrap, for operators and for other systems. From these tables
come the permissions of the embedded server and of production's, and the owners in the AsyncAPI document. A denied
publish shows to a client only as a time-out, so a test runs each service within its permissions.

NATS users belong to accounts, which share no subject: ours, with JetStream, and one for each other system. Only the
subjects that other systems may publish are imported into ours (`crossings`), and the server renames them. So the
subject, which a sender can't choose, tells that an event comes from another system and from which one; headers, which
every sender can write, don't matter.
"""

from dataclasses import dataclass

from shared.subjects import (
    CALCULATOR_SIZES_DEPLOYMENTS,
    CALCULATOR_SIZES_TENANTS,
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
    MONITOR_STORES_SLICES,
    PUBLISHED_BY_OTHERS,
    Bucket,
    Durable,
    Mode,
    Rpc,
    Stream,
    Subject,
    from_outside,
)

OUTSIDE = "outside"
"""The account of the other system without a name of its own; `shared.systems` has the named ones."""
OPERATOR = "operator"
"""The account of operators at a terminal: dead letters."""
BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class Access:
    """What one account may do, in both modes."""

    publishes: tuple[Subject, ...] = ()
    consumes: tuple[Durable, ...] = ()
    inspects: tuple[Durable, ...] = ()
    """Consumers of other services whose progress it polls."""
    follows: tuple[Stream, ...] = ()
    """Streams that it reads by its own ordered consumers, whose names the server checks: see `shared.permissions`."""
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
        answers=(Rpc.RESTART,),
        requests=tuple(rpc for rpc in Rpc if rpc is not Rpc.RESTART),
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
            Subject.DEPLOY_CANCELLED,
            Subject.DEPLOY_DRIFTED,
            Subject.TENANT_DELETED,
        ),
        consumes=(DEPLOYER_ACCEPTS_MANIFESTS, DEPLOYER_ACCEPTS_OPERATIONS),
        answers=(Rpc.CAPACITY, Rpc.ROOM, Rpc.DIFF, Rpc.INSPECT),
        # Manifests: that of an adopted namespace, which it alone can read.
        keeps=(Bucket.DESIRED, Bucket.APPLIED, Bucket.LEASES, Bucket.MANIFESTS),
        watches=(Bucket.DESIRED, Bucket.APPLIED),
    ),
    "monitor": Access(
        publishes=(
            # The samples of other systems, which it publishes again.
            Subject.METRICS_COLLECTED,
            Subject.METRICS_SAMPLED,
            Subject.SLA_REPORTED,
            Subject.ALERT_RAISED,
            Subject.ALERT_RESOLVED,
            Subject.INCIDENT_OPENED,
            Subject.INCIDENT_CHANGED,
            Subject.INCIDENT_CLOSED,
        ),
        consumes=(MONITOR_STORES, MONITOR_STORES_SLICES, MONITOR_INGESTS_OUTSIDE),
        answers=(
            Rpc.SLA_REPORT,
            Rpc.MAINTENANCE,
            Rpc.RECEIVE_ALERTS,
            Rpc.INCIDENTS,
            Rpc.INCIDENT_COST,
            Rpc.SILENCES,
            Rpc.RECURRING_MAINTENANCE,
            Rpc.RECEIVERS,
            Rpc.NOTIFICATIONS,
            Rpc.ALERT_RULES,
            Rpc.ALERT_TEST,
        ),
        # Alerts are evaluated by the copy that has a tenant's shard, whichever copies store its samples.
        follows=(Stream.METRICS,),
        # To restart a tenant that is down is an operation, which the gateway gives a generation.
        requests=(Rpc.RESTART,),
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


def inbox(account: str) -> str:
    """The prefix of an account's inboxes, so that it can't receive replies to others."""
    return f"_INBOX.{account}"
