"""The names on the bus: modes, subjects, streams, durables, buckets.

The mode is read from the subject (with the prefix `demo.` or without) and never from a field that a sender could get
wrong. Every subject has one owner and one event; `shared.events` has a model for each, and a test checks that none is
missing. Only `shared.bus.bootstrap` creates streams and durables, from the tables below.
"""

from enum import StrEnum
from typing import NamedTuple


class Mode(StrEnum):
    """Production and demo, which share no database, no stream and no cluster."""

    PRODUCTION = "production"
    DEMO = "demo"

    def subject(self, name: str) -> str:
        """`tenant.created` in production, `demo.tenant.created` in demo mode."""
        return f"demo.{name}" if self is Mode.DEMO else name

    def stream(self, name: str) -> str:
        """`ECP` in production, `DEMO_ECP` in demo mode."""
        return f"DEMO_{name}" if self is Mode.DEMO else name

    def bucket(self, name: str) -> str:
        """A key-value bucket's name in this mode."""
        return f"demo_{name}" if self is Mode.DEMO else name


def split_mode(subject: str) -> tuple[Mode, str]:
    """The mode of a subject, and its name without the mode."""
    if subject.startswith("demo."):
        return Mode.DEMO, subject.removeprefix("demo.")
    return Mode.PRODUCTION, subject


class Subject(StrEnum):
    """Each subject in production's spelling; `Mode.subject` gives the demo one."""

    TENANT_CREATED = "tenant.created"
    TENANT_UPDATED = "tenant.updated"
    TENANT_DELETED = "tenant.deleted"
    DEPLOY_REQUESTED = "deploy.requested"
    OPERATION_REQUESTED = "operation.requested"
    RESOURCES_CALCULATED = "resources.calculated"
    RESOURCES_REJECTED = "resources.rejected"
    MANIFEST_RENDERED = "manifest.rendered"
    MANIFEST_REJECTED = "manifest.rejected"
    DEPLOY_STARTED = "deploy.started"
    DEPLOY_PROGRESSED = "deploy.progressed"
    DEPLOY_COMPLETED = "deploy.completed"
    DEPLOY_FAILED = "deploy.failed"
    DEPLOY_ROLLED_BACK = "deploy.rolled_back"
    DEPLOY_SUPERSEDED = "deploy.superseded"
    DEPLOY_CANCELLED = "deploy.cancelled"
    DEPLOY_DRIFTED = "deploy.drifted"
    METRICS_COLLECTED = "metrics.collected"
    METRICS_SAMPLED = "metrics.sampled"
    SLA_REPORTED = "sla.reported"
    ALERT_RAISED = "alert.raised"
    ALERT_RESOLVED = "alert.resolved"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CHANGED = "incident.changed"
    INCIDENT_CLOSED = "incident.closed"


DEAD_LETTER_PREFIX = "dlq"


OUTSIDE_PREFIX = "outside"
"""Prefix of other systems' subjects in our account: NATS renames what they publish in theirs."""


def from_outside(subject: str, system: str = OUTSIDE_PREFIX) -> str:
    """`outside.crm.tenant.created`: the name in our account of what the system `crm` publishes as `tenant.created`.

    The system `outside`, which is older than names, has `outside.tenant.created`. Without mode.
    """
    return f"{OUTSIDE_PREFIX}.{subject}" if system == OUTSIDE_PREFIX else f"{OUTSIDE_PREFIX}.{system}.{subject}"


def split_outside(subject: str) -> tuple[str, str]:
    """The system that published `subject` (without mode), and its own name of it; no system for one of ours."""
    prefix, _, rest = subject.partition(".")
    if prefix != OUTSIDE_PREFIX:
        return "", subject
    if rest in PUBLISHED_BY_OTHERS:
        return OUTSIDE_PREFIX, rest
    system, _, published = rest.partition(".")
    return system, published


def dead_letter(mode: Mode, subject: str) -> str:
    """The subject of a dead letter of `subject` (without mode): `dlq.tenant.created`."""
    return mode.subject(f"{DEAD_LETTER_PREFIX}.{subject}")


class Rpc(StrEnum):
    """Requests with a reply (core NATS request/reply), and the service that replies."""

    CALCULATE = "rpc.calculate"  # calculator
    RECOMMEND = "rpc.recommend"  # calculator
    RENDER = "rpc.render"  # manifest
    VALIDATE = "rpc.validate"  # manifest
    CAPACITY = "rpc.capacity"  # deployer
    ROOM = "rpc.room"  # deployer
    DIFF = "rpc.diff"  # deployer
    INSPECT = "rpc.inspect"  # deployer
    SLA_REPORT = "rpc.sla_report"  # monitor
    MAINTENANCE = "rpc.maintenance"  # monitor
    RECEIVE_ALERTS = "rpc.receive_alerts"  # monitor
    RESTART = "rpc.restart"  # gateway
    INCIDENTS = "rpc.incidents"  # monitor
    INCIDENT_COST = "rpc.incident_cost"  # monitor
    SILENCES = "rpc.silences"  # monitor
    RECURRING_MAINTENANCE = "rpc.recurring_maintenance"  # monitor
    RECEIVERS = "rpc.receivers"  # monitor
    NOTIFICATIONS = "rpc.notifications"  # monitor
    ALERT_RULES = "rpc.alert_rules"  # monitor
    ALERT_TEST = "rpc.alert_test"  # monitor


class Stream(StrEnum):
    """The streams of a mode; `Mode.stream` gives the name on the server."""

    ECP = "ECP"
    METRICS = "METRICS"
    OUTSIDE = "OUTSIDE"
    DLQ = "DLQ"


PUBLISHED_BY_OTHERS = (Subject.TENANT_CREATED, Subject.DEPLOY_REQUESTED, Subject.METRICS_COLLECTED)
"""All that other systems may publish."""


STREAM_SUBJECTS: dict[Stream, tuple[str, ...]] = {
    Stream.ECP: tuple(
        subject
        for subject in Subject
        if subject not in (Subject.METRICS_COLLECTED, Subject.METRICS_SAMPLED, Subject.SLA_REPORTED)
    ),
    # Periodic events go where a full stream drops the oldest: ECP refuses when it is full, and the reports of a
    # hundred tenants would fill a gigabyte in a week.
    Stream.METRICS: (Subject.METRICS_COLLECTED, Subject.METRICS_SAMPLED, Subject.SLA_REPORTED),
    # A stream of their own, so that their message ids can't displace ours and their events can't fill our streams.
    Stream.OUTSIDE: tuple(from_outside(subject) for subject in PUBLISHED_BY_OTHERS),
    Stream.DLQ: (f"{DEAD_LETTER_PREFIX}.>",),
}


class Bucket(StrEnum):
    """Key-value buckets of a mode; `Mode.bucket` gives the name on the server."""

    MANIFESTS = "manifests"  # `manifest_key` of a digest -> manifest text
    DESIRED = "desired"  # <target>.<tenant> -> the state that the deployer must establish
    APPLIED = "applied"  # <target>.<tenant> -> the state that it established last, with the inventory
    LEASES = "leases"  # with a time to live: which process works on what
    TRIES = "tries"  # <durable>.<sequence>.<time> -> delivery attempts of a redelivered event


def stream_behind(mode: Mode, bucket: Bucket) -> str:
    """The stream in which JetStream stores a bucket."""
    return f"KV_{mode.bucket(bucket)}"


def manifest_key(digest: str) -> str:
    """The key of a manifest: `1a2b...` for `sha256:1a2b...`, since a key can't have a colon."""
    return digest.rpartition(":")[2]


class Durable(NamedTuple):
    """A consumer that outlives its processes: all copies of a worker share it."""

    name: str
    stream: Stream
    subjects: tuple[str, ...]


REQUESTS_OF_OTHERS = frozenset((Subject.TENANT_CREATED, Subject.DEPLOY_REQUESTED))
"""What the gateway ingests of other systems: it validates, numbers and publishes these again as its own events."""

EARLIER_INTAKE = "gateway-takes-in"
"""A durable of version 0.1, which read other systems' events from our stream on a NATS without accounts."""

_RESULTS = tuple(
    subject
    for subject in Subject
    if subject
    not in (
        Subject.TENANT_CREATED,
        Subject.TENANT_UPDATED,
        Subject.DEPLOY_REQUESTED,
        Subject.OPERATION_REQUESTED,
        Subject.METRICS_COLLECTED,
        Subject.METRICS_SAMPLED,
        Subject.SLA_REPORTED,
        # The monitor stores alerts and incidents itself; the gateway reads its tables, and its sockets the stream.
        Subject.ALERT_RAISED,
        Subject.ALERT_RESOLVED,
        Subject.INCIDENT_OPENED,
        Subject.INCIDENT_CHANGED,
        Subject.INCIDENT_CLOSED,
    )
)

CALCULATOR_SIZES_TENANTS = Durable(
    "calculator-sizes-tenants", Stream.ECP, (Subject.TENANT_CREATED, Subject.TENANT_UPDATED)
)
CALCULATOR_SIZES_DEPLOYMENTS = Durable("calculator-sizes-deployments", Stream.ECP, (Subject.DEPLOY_REQUESTED,))
MANIFEST_RENDERS = Durable("manifest-renders", Stream.ECP, (Subject.RESOURCES_CALCULATED,))
DEPLOYER_ACCEPTS_MANIFESTS = Durable("deployer-accepts-manifests", Stream.ECP, (Subject.MANIFEST_RENDERED,))
DEPLOYER_ACCEPTS_OPERATIONS = Durable("deployer-accepts-operations", Stream.ECP, (Subject.OPERATION_REQUESTED,))
GATEWAY_PROJECTS = Durable("gateway-projects", Stream.ECP, _RESULTS)
GATEWAY_KEEPS_SLA = Durable("gateway-keeps-sla", Stream.METRICS, (Subject.SLA_REPORTED,))
GATEWAY_INGESTS_OUTSIDE = Durable(
    "gateway-takes-in-outside",
    Stream.OUTSIDE,
    (from_outside(Subject.TENANT_CREATED), from_outside(Subject.DEPLOY_REQUESTED)),
)
GATEWAY_FAILS_DEAD_LETTERS = Durable("gateway-fails-dead-letters", Stream.DLQ, (f"{DEAD_LETTER_PREFIX}.>",))
MONITOR_STORES = Durable("monitor-stores", Stream.METRICS, (Subject.METRICS_COLLECTED,))
MONITOR_STORES_SLICES = Durable("monitor-stores-slices", Stream.METRICS, (Subject.METRICS_SAMPLED,))
"""A durable of its own, so that a monitor of an earlier version gets no event that it doesn't know."""
MONITOR_INGESTS_OUTSIDE = Durable(
    "monitor-takes-in-outside", Stream.OUTSIDE, (from_outside(Subject.METRICS_COLLECTED),)
)

DURABLES: tuple[Durable, ...] = (
    CALCULATOR_SIZES_TENANTS,
    CALCULATOR_SIZES_DEPLOYMENTS,
    MANIFEST_RENDERS,
    DEPLOYER_ACCEPTS_MANIFESTS,
    DEPLOYER_ACCEPTS_OPERATIONS,
    GATEWAY_PROJECTS,
    GATEWAY_KEEPS_SLA,
    GATEWAY_INGESTS_OUTSIDE,
    GATEWAY_FAILS_DEAD_LETTERS,
    MONITOR_STORES,
    MONITOR_STORES_SLICES,
    MONITOR_INGESTS_OUTSIDE,
)
