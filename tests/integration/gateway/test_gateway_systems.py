"""Requests of other systems with a role and tenants: those of the REST call with the same effect."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.gateway.audit.refusals import Refusals
from services.gateway.inbound.handlers import execute
from shared.bus import Delivery
from shared.errors import Refused
from shared.events import OutsideRequest
from shared.identity.systems import OutsideSystems
from shared.subjects import Mode, Subject, from_outside
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
