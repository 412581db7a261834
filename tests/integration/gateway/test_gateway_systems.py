"""Requests of other systems with a role and tenants: those of the REST call with the same effect."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.gateway.access.rules import RULES, Scope
from services.gateway.audit.refusals import Refusals
from services.gateway.inbound.handlers import execute
from services.monitor.sample_senders import SampleSenders
from shared.bus import Delivery
from shared.errors import Refused
from shared.events import OutsideRequest
from shared.identity.caller import Role
from shared.identity.systems import OutsideSystems
from shared.subjects import PUBLISHED_BY_OTHERS, Mode, Subject, from_outside
from tests.support.gateway import DEMO, Gateway, tenant

_NUMBERS = itertools.count(1)


class System:
    """A system whose rights a test chooses."""

    def __init__(self, gateway: Gateway, file: Path, name: str = "crm") -> None:
        self.gateway = gateway
        self.name = name
        self.refusals = Refusals(gateway.database)
        self._file = file

    async def send(self, subject: Subject, fields: dict[str, Any], rights: dict[str, Any]) -> None:
        """Its event, handled with these rights. Raises Refused, which becomes a dead letter."""
        number = next(_NUMBERS)
        self._file.write_text(json.dumps({self.name: rights}))
        delivery = Delivery(
            mode=Mode.DEMO,
            subject=from_outside(subject, self.name),
            event_id=f"event-{number}",
            correlation_id=f"req-systems-{number}",
            time=datetime.now(UTC),
            stream="DEMO_OUTSIDE_crm",
            sequence=number,
            attempt=1,
            durable="gateway-ingests-outside",
            source="crm",
        )
        request = OutsideRequest(subject=subject, fields=fields)
        systems = OutsideSystems(self._file)
        await execute(request, delivery, modes=self.gateway.modes, systems=systems, refusals={Mode.DEMO: self.refusals})

    async def check_sender(self, tenant_id: str, rights: dict[str, Any]) -> None:
        """Whether it may send samples of a tenant with these rights. Raises Refused."""
        self._file.write_text(json.dumps({self.name: rights}))
        senders = SampleSenders(OutsideSystems(self._file), {Mode.DEMO: self.gateway.database})
        await senders.check(Mode.DEMO, self.name, tenant_id)

    async def refused(self, subject: Subject, fields: dict[str, Any], rights: dict[str, Any]) -> str:
        with pytest.raises(Refused) as refused:
            await self.send(subject, fields, rights)
        return refused.value.code


@pytest.fixture
def crm(gateway: Gateway, tmp_path: Path) -> System:
    return System(gateway, tmp_path / "roles.json")


def body() -> dict[str, Any]:
    return tenant(tenant_id=f"system-{next(_NUMBERS)}", deploy=False)


async def exists(gateway: Gateway, tenant_id: str) -> bool:
    return (await gateway.http.get(f"/tenants/{tenant_id}", headers=DEMO)).status_code == 200


async def test_a_system_creates_tenants_with_the_role_for_it_and_they_are_its_own(crm: System) -> None:
    wanted, rights = body(), {"role": "tenant_admin", "tenants": []}
    assert await crm.refused(Subject.TENANT_CREATED, wanted, {"role": "operator"}) == "FORBIDDEN"
    assert not await exists(crm.gateway, wanted["tenant_id"])
    await crm.send(Subject.TENANT_CREATED, wanted, rights)
    access = await crm.gateway.get(f"/tenants/{wanted['tenant_id']}/access")
    assert [(each["kind"], each["subject"]) for each in access["access"]] == [("system", "crm")]

    await crm.send(Subject.DEPLOY_REQUESTED, {"tenant_id": wanted["tenant_id"]}, {"role": "operator", "tenants": []})
    await crm.send(Subject.DEPLOY_REQUESTED, wanted | {"service_requirements": {"callbot": 7}}, rights)
    changed = await crm.gateway.get(f"/tenants/{wanted['tenant_id']}")
    assert (changed["revision"], changed["service_requirements"]) == (2, {"callbot": 7})


async def test_another_s_tenant_doesn_t_exist_for_a_system(crm: System) -> None:
    other = await crm.gateway.create(deploy=False)
    named, rights = {"tenant_id": other["tenant_id"]}, {"role": "tenant_admin", "tenants": ["acme"]}
    before = await crm.gateway.get(f"/tenants/{other['tenant_id']}")
    assert await crm.refused(Subject.DEPLOY_REQUESTED, named, rights) == "TENANT_NOT_FOUND"
    changing = body() | named
    assert await crm.refused(Subject.DEPLOY_REQUESTED, changing, rights) == "TENANT_NOT_FOUND"
    assert await crm.refused(Subject.TENANT_CREATED, changing, rights) == "TENANT_ALREADY_EXISTS"
    assert await crm.gateway.get(f"/tenants/{other['tenant_id']}") == before

    await crm.send(Subject.DEPLOY_REQUESTED, named, {"role": "operator", "tenants": [other["tenant_id"]]})
    assert (await crm.gateway.get(f"/tenants/{other['tenant_id']}"))["generation"] == 2


@dataclass(frozen=True)
class Event:
    """What a system publishes, with the rules of its REST calls: each is checked until one refuses."""

    subject: Subject
    rules: tuple[str, ...]
    has_services: bool = False
    names: str = "a new tenant"
    """The tenant in it: a new one, its own, or another's."""

    def refusal(self, role: Role) -> str | None:
        """The code of the dead letter; None if the event is executed."""
        for name in self.rules:
            rule = RULES[name]
            if rule.scope is Scope.TENANT and self.names == "another's tenant" and role is not Role.ADMIN:
                return "TENANT_NOT_FOUND"
            if rule.least is not None and not role.includes(rule.least):
                return "FORBIDDEN"
        return "TENANT_ALREADY_EXISTS" if self._is_taken else None

    @property
    def _is_taken(self) -> bool:
        return self.subject is Subject.TENANT_CREATED and self.names != "a new tenant"


def events() -> Iterator[Event]:
    """Every event that other systems may publish, for each tenant that it may name."""
    created, deployed, measured = Subject.TENANT_CREATED, Subject.DEPLOY_REQUESTED, Subject.METRICS_COLLECTED
    assert {*PUBLISHED_BY_OTHERS} == {created, deployed, measured}, "add the cells of the new event"
    yield Event(created, ("create_tenant",), has_services=True)
    yield Event(deployed, ("create_tenant",), has_services=True)
    for names in ("its own tenant", "another's tenant"):
        yield Event(created, ("create_tenant",), has_services=True, names=names)
        yield Event(deployed, ("deploy_tenant",), names=names)
        yield Event(deployed, ("create_tenant", "change_tenant"), has_services=True, names=names)
        yield Event(measured, ("send_metrics",), names=names)


@pytest.mark.parametrize("role", list(Role))
async def test_every_event_with_every_role_on_its_own_and_on_another_tenant(crm: System, role: Role) -> None:
    own, other = await crm.gateway.create(deploy=False), await crm.gateway.create(deploy=False)
    rights = {"role": role.value, "tenants": [own["tenant_id"]]}
    named = {"its own tenant": own["tenant_id"], "another's tenant": other["tenant_id"]}
    before = await crm.gateway.get(f"/tenants/{other['tenant_id']}")
    wrong = []
    for each in events():
        fields = body() if each.has_services else {}
        fields |= {"tenant_id": named.get(each.names) or fields["tenant_id"], "deploy": False}
        found = await outcome(crm, each, fields, rights)
        if found != each.refusal(role):
            wrong.append(f"{each.subject} of a {role} on {each.names}: {found} instead of {each.refusal(role)}")
    assert wrong == []
    if role is not Role.ADMIN:
        assert await crm.gateway.get(f"/tenants/{other['tenant_id']}") == before


async def outcome(crm: System, event: Event, fields: dict[str, Any], rights: dict[str, Any]) -> str | None:
    """The code of the refusal, if there is one. Samples are the monitor's to ingest."""
    try:
        if event.subject is Subject.METRICS_COLLECTED:
            await crm.check_sender(fields["tenant_id"], rights)
        else:
            await crm.send(event.subject, fields, rights)
    except Refused as refused:
        return refused.code
    return None


async def test_without_an_entry_a_system_may_do_everything(crm: System) -> None:
    other = await crm.gateway.create(deploy=False)
    crm.name = "erp"
    await crm.send(Subject.DEPLOY_REQUESTED, {"tenant_id": other["tenant_id"]}, {"role": "admin"})
    assert (await crm.gateway.get(f"/tenants/{other['tenant_id']}"))["generation"] == 2


async def test_a_refused_request_of_a_system_is_in_the_audit_trail(crm: System) -> None:
    wanted = body()
    assert await crm.refused(Subject.TENANT_CREATED, wanted, {"role": "operator"}) == "FORBIDDEN"
    assert await crm.refused(Subject.DEPLOY_REQUESTED, {"tenant_id": wanted["tenant_id"]}, {"role": "operator"})
    await crm.refusals.flush()
    deployed, created = (await crm.gateway.get(f"/audit?tenant_id={wanted['tenant_id']}"))["events"]
    for row, operation, code in (
        (created, "createTenant", "FORBIDDEN"),
        (deployed, "deployTenant", "TENANT_NOT_FOUND"),
    ):
        expected = {"operation": operation, "code": code, "outcome": "refused", "subject": "crm", "kind": "system"}
        assert row | expected == row
