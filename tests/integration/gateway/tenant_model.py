"""What the API should do with tenants, as a model that is small enough to be believed, and a machine that compares.

The model knows what it asked for, and what was recorded when everything had last come to rest. In between an operation
may have ended or not: then the model allows the answers of both.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shared.events import Operation

SETTLE_SECONDS: Final = 90.0
OPEN: Final = frozenset({"pending", "deploying"})
WELL: Final = frozenset({"completed", "rolled_back"})
SIZES: Final = (1, 40, 400)
"""Sessions of `stt`, whose manifests differ."""
Record = dict[str, Any]


@dataclass
class ModelTenant:
    """One tenant: what was accepted, and the records of its operations when it was last at rest, oldest first."""

    exists: bool = False
    leaving: bool = False
    sessions: int = 0
    generation: int = 0
    accepted: list[tuple[str, str]] = field(default_factory=list)
    """Operation and deployment id, in order."""
    records: list[Record] = field(default_factory=list)

    @property
    def latest(self) -> str | None:
        return self.accepted[-1][0] if self.accepted else None

    @property
    def moving(self) -> bool:
        return len(self.records) < len(self.accepted)

    @property
    def healthy(self) -> list[Record]:
        return [each for each in self.records if each["status"] in WELL and each["operation"] != Operation.STOP]

    def allowed(self, operation: str) -> set[int]:
        """The statuses that an operation may be answered with now."""
        if not self.exists:
            return {201} if operation == "create" else {404}
        if self.leaving:
            return {"create": {201, 409}, "delete": {202, 404}}.get(operation, {404, 409})
        rules: dict[str, Callable[[], set[int]]] = {
            "create": lambda: {409},
            "stop": lambda: {202} if self.latest not in (None, Operation.STOP) else {409},
            "start": self._start,
            "restart": self._restart,
            "rollback": self._rollback,
        }
        return rules.get(operation, lambda: {202})()

    def _start(self) -> set[int]:
        if self.latest != Operation.STOP:
            return {409}
        return {202} if self.healthy else ({202, 409} if self.moving else {409})

    def _restart(self) -> set[int]:
        if self.latest in (None, Operation.STOP):
            return {409}
        return {202, 409} if self.moving else {202}

    def _rollback(self) -> set[int]:
        if self.latest in (None, Operation.STOP):
            return {409}
        if self.moving:
            return {202, 409}
        runs = [each for each in self.records if each["operation"] != Operation.STOP]
        others = [each for each in self.healthy if each["digest"] != runs[-1]["digest"]]
        return {202} if others else {409}


class TenantMachine(RuleBasedStateMachine):
    """Random calls on two tenants, each answer compared with the model; at rest everything else is compared too."""

    gateway: ClassVar[httpx.Client]
    cluster: ClassVar[httpx.Client]
    examples: ClassVar[int] = 0
    trail: list[str]

    tenants = st.sampled_from(("one", "two"))
    keys = st.sampled_from((None, None, "key-1", "key-2"))

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.models = {each: ModelTenant() for each in ("one", "two")}
        self.kept: dict[tuple[str, str], tuple[Any, Record]] = {}
        self.trail = []

    def id_of(self, tenant: str) -> str:
        return f"model-{self.examples}-{tenant}"

    def ask(
        self, tenant: str, operation: str, method: str, path: str, *, body: Any = None, key: str | None = None
    ) -> None:
        """One call, its answer compared with the model's; the model follows what was accepted."""
        model = self.models[tenant]
        headers = {"Idempotency-Key": f"{self.id_of(tenant)}-{key}"} if key else {}
        before = self.kept.get((path, headers.get("Idempotency-Key", "")))
        answer = self.gateway.request(method, path, json=body, headers=headers)
        self.trail.append(f"{operation} {path} {body or ''} {key or ''} -> {answer.status_code}")
        if before is not None:
            self._compare_repeated(before, body, answer)
            return
        assert answer.status_code in model.allowed(operation), self._story(answer.text)
        if not answer.is_success:
            return
        if key is not None:
            self.kept[path, headers["Idempotency-Key"]] = (body, answer.json())
        self._follow(model, operation, body, answer.json())

    def _compare_repeated(self, before: tuple[Any, Record], body: Any, answer: httpx.Response) -> None:
        """The same key and body is answered as the first time, and with another body refused."""
        first_body, first_answer = before
        if body == first_body:
            assert answer.is_success, self._story(answer.text)
            assert answer.json() == first_answer, self._story(answer.text)
        else:
            assert answer.status_code == 409, self._story(answer.text)

    def _follow(self, model: ModelTenant, operation: str, body: Any, answer: Record) -> None:
        if operation == "delete":
            model.leaving = True
            return
        if operation == "create":
            generation = model.generation
            model.__init__(exists=True, generation=generation)  # type: ignore[misc]
        if operation in ("create", "change"):
            model.sessions = body["service_requirements"]["stt"]
        assert answer["generation"] > model.generation, self._story(str(answer))
        model.generation = answer["generation"]
        name = operation if operation in list(Operation) else "deploy"
        model.accepted.append((name, answer["deployment_id"]))

    @rule(tenant=tenants, sessions=st.sampled_from(SIZES), key=keys)
    def create(self, tenant: str, sessions: int, key: str | None) -> None:
        name = self.id_of(tenant)
        body = {"tenant_id": name, "name": name, "service_requirements": {"stt": sessions}}
        self.ask(tenant, "create", "POST", "/tenants/", body=body, key=key)

    @rule(tenant=tenants, sessions=st.sampled_from(SIZES))
    def change(self, tenant: str, sessions: int) -> None:
        body = {"service_requirements": {"stt": sessions}}
        self.ask(tenant, "change", "PUT", f"/tenants/{self.id_of(tenant)}", body=body)

    @rule(tenant=tenants, key=keys)
    def deploy(self, tenant: str, key: str | None) -> None:
        self.ask(tenant, "deploy", "POST", f"/tenants/{self.id_of(tenant)}/deploy", body={}, key=key)

    @rule(tenant=tenants, operation=st.sampled_from(("stop", "start", "restart", "rollback")), key=keys)
    def operate(self, tenant: str, operation: str, key: str | None) -> None:
        self.ask(tenant, operation, "POST", f"/tenants/{self.id_of(tenant)}/{operation}", key=key)

    @rule(tenant=tenants, force=st.booleans())
    def delete(self, tenant: str, force: bool) -> None:
        path = f"/tenants/{self.id_of(tenant)}{'?force=true' if force else ''}"
        self.ask(tenant, "delete", "DELETE", path)

    @rule(tenant=tenants, operation=st.sampled_from(("", "/stop", "/deploy")))
    def reach_over_from_the_other_mode(self, tenant: str, operation: str) -> None:
        method = "POST" if operation else "GET"
        path = f"/tenants/{self.id_of(tenant)}{operation}"
        for mode, status in (("false", 404), ("sideways", 400)):
            answer = self.gateway.request(method, path, headers={"X-Demo-Mode": mode})
            assert answer.status_code == status, self._story(answer.text)

    @precondition(lambda self: any(each.moving or each.leaving for each in self.models.values()))
    @rule()
    def come_to_rest(self) -> None:
        """Wait until nothing is on its way, and compare all that is recorded and all that runs."""
        for tenant, model in self.models.items():
            self._until(partial(self._rests, tenant), f"{tenant} never came to rest")
            self._compare_at_rest(tenant, model)

    def teardown(self) -> None:
        self.come_to_rest()
        for tenant in self.models:
            self.gateway.delete(f"/tenants/{self.id_of(tenant)}")

    def _rests(self, tenant: str) -> bool:
        answer = self.gateway.get(f"/tenants/{self.id_of(tenant)}")
        if answer.status_code == 404 or self.models[tenant].leaving:
            return answer.status_code == 404
        return all(each["status"] not in OPEN for each in self._records(tenant))

    def _records(self, tenant: str) -> list[Record]:
        answer = self.gateway.get(f"/tenants/{self.id_of(tenant)}/deployments", params={"limit": 1000})
        records: list[Record] = answer.json()["deployments"]
        return sorted(records, key=lambda each: int(each["generation"]))

    def _compare_at_rest(self, tenant: str, model: ModelTenant) -> None:
        if model.leaving or not model.exists:
            self.models[tenant] = ModelTenant(generation=model.generation)
            assert self._workloads(tenant) == [], self._story("the cluster has something of a deleted tenant")
            return
        model.records = self._records(tenant)
        found = [(each["operation"], each["deployment_id"]) for each in model.records]
        assert found == model.accepted, self._story(f"{found} instead of {model.accepted}")
        statuses = [each["status"] for each in model.records]
        assert statuses[-1] in WELL and "failed" not in statuses, self._story(str(model.records))
        status = "stopped" if model.latest == Operation.STOP else "running"
        # The tenant follows its last operation within the same transaction.
        answer = self.gateway.get(f"/tenants/{self.id_of(tenant)}").json()
        facts = (answer["status"], answer["generation"], answer["service_requirements"])
        assert facts == (status, model.generation, {"stt": model.sessions}), self._story(str(facts))
        self._until(
            lambda: all(bool(replicas) == (status == "running") for replicas in self._workloads(tenant)),
            f"{tenant} is {status}, and the cluster has {self._workloads(tenant)}",
        )

    def _workloads(self, tenant: str) -> list[int]:
        """The replicas of each of its workloads."""
        selector = {"labelSelector": f"ecp.ai/tenant={self.id_of(tenant)}"}
        items = self.cluster.get("/apis/apps/v1/deployments", params=selector).json()["items"]
        return [each["spec"]["replicas"] for each in items]

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self._story(what)
            time.sleep(0.05)

    def _story(self, end: str) -> str:
        return "\n".join([*self.trail, end])
