"""A tenant in memory, with fakes for all that is remote, and attempts to settle it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import orjson
import yaml

from services.deployer.cluster.manifest_objects import parse
from services.deployer.cluster.targets import UnknownTarget
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, Timeouts
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.reconciler import Reconciler
from services.deployer.reconcile.room_check import FindRoom
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.generations import is_settled
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import StateRepository, TenantRecords
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import TemporaryError
from shared.events import DeployOptions, Event, Operation
from shared.kube.objects import Obj
from shared.subjects import Bucket, Mode
from tests.support.deployer_fakes import FakeCluster, FakeKeyValue, FakePublisher, Step, nothing

TENANT = "acme"
NAMESPACE = f"ecp-ai-{TENANT}"
KEY = f"fake.{TENANT}"
START = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN: Obj = {
    "observedGeneration": 1,
    "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "stuck"}
    ],
}


def namespace() -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"ecp.ai/tenant": TENANT}},
    }


def config_map(name: str, **data: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": data,
    }


def deployment(name: str, replicas: int | None = 2, image: str = "1") -> Obj:
    """Without `replicas` they are left to an autoscaler."""
    spec = {"template": {"spec": {"containers": [{"name": name, "image": f"{name}:{image}"}]}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec | ({} if replicas is None else {"replicas": replicas}),
    }


def autoscaler(name: str, minimum: int = 2) -> Obj:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}, "minReplicas": minimum},
        "status": {
            "conditions": [{"type": "AbleToScale", "status": "True"}, {"type": "ScalingActive", "status": "True"}]
        },
    }


@cache
def _manifest(objects: bytes) -> str:
    """The text of a JSON list of objects: tests that die at each step render the same ones hundreds of times."""
    return yaml.dump_all(orjson.loads(objects), Dumper=yaml.CSafeDumper)


class FreeLeases:
    """Leases that no other replica holds."""

    async def while_held(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        await work()
        return True


class HeldLeases:
    """Leases that another replica holds."""

    async def while_held(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        return False


class OneTarget:
    """The clusters of a mode whose only target is `fake`."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def check(self, target: str) -> None:
        if target != "fake":
            raise UnknownTarget(f"there is no target {target!r} in mode demo; possible: fake")

    def cluster(self, target: str) -> FakeCluster:
        self.check(target)
        return self._cluster


class TenantScenario:
    """One tenant in memory: its cluster, buckets and publisher. `step` is called around every remote call."""

    def __init__(self) -> None:
        self.step: Step = nothing
        self.cluster = FakeCluster(step=self._step)
        self.publisher = FakePublisher(step=self._step)
        self.buckets = {bucket: FakeKeyValue(step=self._step) for bucket in (Bucket.DESIRED, Bucket.APPLIED)}
        self.states = StateRepository(cast(Any, self))
        self.manifests: dict[str, str] = {}
        self.guard = GenerationGuard()
        self.now = START
        self.find_room: FindRoom | None = None
        self.check_slot: Callable[[], None] = lambda: None

    async def desire(self, generation: int, objects: Sequence[Obj] = (), **options: Any) -> str:
        """Desire a deployment of `objects`, or a deletion if there are none; returns its id."""
        digest = f"sha256:{generation}"
        self.manifests[digest] = _manifest(orjson.dumps(list(objects)))
        wanted = DesiredState(
            tenant_id=TENANT,
            target="fake",
            deployment_id=f"dep-{generation}",
            generation=generation,
            action="deploy" if objects else "delete",
            digest=digest if objects else None,
            options=DeployOptions(**options),
            correlation_id=f"req-{generation}",
        )
        await self.states.set_desired(wanted)
        self.guard.observe(generation)
        return wanted.deployment_id

    async def operate(self, generation: int, operation: Operation, to: int | None = None) -> str:
        """Desire a stop, or that the manifest of generation `to` runs; returns the operation's id."""
        wanted = DesiredState(
            tenant_id=TENANT,
            target="fake",
            deployment_id=f"dep-{generation}",
            generation=generation,
            action="stop" if operation is Operation.STOP else "deploy",
            operation=operation,
            digest=f"sha256:{to}" if to else None,
            to=to,
            restarted_at=START if operation is Operation.RESTART else None,
            correlation_id=f"req-{generation}",
        )
        await self.states.set_desired(wanted)
        self.guard.observe(generation)
        return wanted.deployment_id

    async def cancel(self, generation: int) -> None:
        """Desire that a generation ends where it is, as the handler of a cancel does."""
        wanted = DesiredState(
            tenant_id=TENANT,
            target="fake",
            deployment_id=f"dep-{generation}",
            generation=generation,
            action="deploy",
            correlation_id="req-cancel",
            cancelled=True,
        )
        outcome = await self.states.set_desired(wanted)
        if isinstance(outcome, TenantRecords) and outcome.desired is not None:
            self.guard.observe(outcome.desired.generation, cancelled=outcome.desired.cancelled)

    async def settle_cancelled(self, at: str, generation: int) -> None:
        """Settle, with a cancel that arrives at the step `at`."""
        arrived = False

        def note(step: str) -> None:
            nonlocal arrived
            if step == at and not arrived:
                arrived = True
                self.guard.observe(generation, cancelled=True)

        self.step = note
        await self.settle()
        assert arrived, "the step never came"
        self.step = nothing

    async def attempt(self, **timeouts: Any) -> bool:
        """One attempt of a replica that takes over now; whether the tenant is settled then."""
        recorder = await self.open()
        if not recorder.is_concluded:
            await self.work(recorder, **timeouts)
        records = await self.states.read(KEY)
        return records.desired is not None and is_settled(records.desired, records.applied)

    async def open(self) -> StatusRecorder:
        """The opened record of the desired generation."""
        records = await self.states.read(KEY)
        assert records.desired is not None
        publisher = cast(Any, self.publisher)
        clock = lambda: self.now  # noqa: E731
        recorder = StatusRecorder(records.desired, records, states=self.states, publisher=publisher, clock=clock)
        await recorder.open()
        return recorder

    async def work(self, recorder: StatusRecorder, **timeouts: Any) -> None:
        """The work of a replica that has opened the record."""
        values = {"timeout": 600.0, "resource_timeout": None, "failure_grace": 60.0, **timeouts}
        deadlines = Deadlines(
            Timeouts(**values, unschedulable_grace=300.0, takeover_grace=0.0), recorder.applied.since, self.now
        )
        context = ReconcileContext(
            self.cluster,
            cast(Any, self),
            lambda: self.now,
            find_room=self.find_room,
            preflight=Preflight(self.cluster),
            check_slot=self.check_slot,
        )
        await Reconciler(TenantWork(recorder, deadlines, self.guard, context)).run()

    async def settle(self, attempts: int = 50, **timeouts: Any) -> None:
        """Attempt until the tenant is settled; each temporary failure takes a second."""
        for _ in range(attempts):
            try:
                if await asyncio.wait_for(self.attempt(**timeouts), 10):
                    return
            except Superseded:
                pass
            except TemporaryError:
                self.now += timedelta(seconds=1)
        raise AssertionError("not settled")

    async def objects(self, digest: str, namespace: str) -> list[Obj]:
        """The manifest's objects, as the manifest reader returns them."""
        return parse(self.manifests[digest], namespace)

    async def keep(self, digest: str, text: str) -> None:
        """Store a manifest, as the manifest reader does."""
        self.manifests[digest] = text

    def mode_context(self, leases: Any = None) -> ModeContext:
        """The scenario as the context of demo mode; every lease is free unless `leases` are others."""
        return ModeContext(
            mode=Mode.DEMO,
            states=self.states,
            manifests=cast(Any, self),
            clusters=cast(Any, OneTarget(self.cluster)),
            publisher=cast(Any, self.publisher),
            leases=leases or cast(Any, FreeLeases()),
            drift_leases=leases or cast(Any, FreeLeases()),
            clock=lambda: self.now,
        )

    def events_of(self, deployment_id: str) -> list[Event]:
        """The published events of a deployment or a deletion."""
        return self.publisher.events_of(deployment_id)

    async def inventory(self) -> set[tuple[str, str]]:
        """Kind and name of each recorded object."""
        applied = (await self.states.read(KEY)).applied
        return {(ref.kind, ref.name) for ref in applied.inventory} if applied else set()

    async def key_value(self, bucket: Bucket) -> FakeKeyValue:
        """A bucket, as the bus opens it."""
        return self.buckets[bucket]

    def _step(self, what: str) -> None:
        self.step(what)
