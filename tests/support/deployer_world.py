"""A tenant's world in memory, and one attempt after another to settle it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import yaml

from services.deployer.cluster.api import Obj
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, Timeouts
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.reconciler import Reconciler
from services.deployer.reconcile.room_check import FindRoom
from services.deployer.state.records import DesiredState, is_settled
from services.deployer.state.repository import StateRepository
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import TemporaryError
from shared.events import DeployOptions, Event, Operation
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


class World:
    """Everything but the process; `step` is called around all that goes over a wire."""

    def __init__(self) -> None:
        self.step: Step = nothing
        self.cluster = FakeCluster(step=self._step)
        self.publisher = FakePublisher(step=self._step)
        self.buckets = {bucket: FakeKeyValue(step=self._step) for bucket in (Bucket.DESIRED, Bucket.APPLIED)}
        self.states = StateRepository(cast(Any, self._bucket))
        self.manifests: dict[str, str] = {}
        self.newest = GenerationGuard()
        self.now = START
        self.find_room: FindRoom | None = None
        self.make_way: Callable[[], None] = lambda: None

    async def want(self, generation: int, objects: Sequence[Obj] = (), **options: Any) -> str:
        """Desire a deployment of `objects`, or a deletion without any; its id."""
        digest = f"sha256:{generation}"
        self.manifests[digest] = yaml.safe_dump_all(objects)
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
        await self.states.want(wanted)
        self.newest.see(generation)
        return wanted.deployment_id

    async def operate(self, generation: int, operation: Operation, to: int | None = None) -> str:
        """Desire a stop, or that the manifest of generation `to` runs (again); its id."""
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
        await self.states.want(wanted)
        self.newest.see(generation)
        return wanted.deployment_id

    async def attempt(self, **limits: Any) -> bool:
        """What a process does that takes over now; whether the tenant is settled."""
        ledger = await self.begin()
        if not ledger.is_concluded:
            await self.work(ledger, **limits)
        state = await self.states.read(KEY)
        return state.desired is not None and is_settled(state.desired, state.applied)

    async def begin(self) -> StatusRecorder:
        """The books as they are now, opened."""
        state = await self.states.read(KEY)
        assert state.desired is not None
        publisher = cast(Any, self.publisher)
        clock = lambda: self.now  # noqa: E731
        ledger = StatusRecorder(Mode.DEMO, state.desired, state, states=self.states, publisher=publisher, clock=clock)
        await ledger.open()
        return ledger

    async def work(self, ledger: StatusRecorder, **limits: Any) -> None:
        """What a process does that has begun, if it is the newest that it knows of."""
        values = {"timeout": 600.0, "resource_timeout": None, "failure_grace": 60.0, **limits}
        patience = Deadlines(
            Timeouts(**values, unschedulable_grace=300.0, takeover_grace=0.0), ledger.applied.since, self.now
        )
        ports = ReconcileContext(
            self.cluster,
            cast(Any, self),
            lambda: self.now,
            find_room=self.find_room,
            preflight=Preflight(self.cluster),
            make_way=self.make_way,
        )
        await Reconciler(ledger.desired, ledger, patience, self.newest, ports).run()

    async def settle(self, tries: int = 50, **limits: Any) -> None:
        """Attempt until it is settled; each failure makes a second pass."""
        for _ in range(tries):
            try:
                if await asyncio.wait_for(self.attempt(**limits), 10):
                    return
            except Superseded:
                pass
            except TemporaryError:
                self.now += timedelta(seconds=1)
        raise AssertionError("not settled")

    async def fetch(self, digest: str) -> str:
        return self.manifests[digest]

    def said(self, deployment_id: str) -> list[Event]:
        return self.publisher.said(deployment_id)

    async def inventory(self) -> set[tuple[str, str]]:
        applied = (await self.states.read(KEY)).applied
        return {(ref.kind, ref.name) for ref in applied.inventory} if applied else set()

    async def _bucket(self, bucket: Bucket) -> FakeKeyValue:
        return self.buckets[bucket]

    def _step(self, what: str) -> None:
        self.step(what)
