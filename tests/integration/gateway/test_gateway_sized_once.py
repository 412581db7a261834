"""A tenant is sized once: the calculator passes on the sizing that the gateway answered a request with."""

import logging

import pytest

from tests.support.gateway import DEMO, Gateway
from tests.support.polling import eventually


def actions(caplog: pytest.LogCaptureFixture, tenant_id: str) -> list[str]:
    """What the calculator's handlers did with the events of a tenant."""
    lines = [each.msg for each in caplog.records if each.name == "services.calculator.handlers"]
    return [line["action"] for line in lines if isinstance(line, dict) and line["tenant_id"] == tenant_id]


async def test_neither_a_creation_nor_a_change_is_sized_again_by_its_events(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.calculator.handlers")
    tenant_id = (await gateway.create())["tenant_id"]

    async def handled(count: int) -> bool:
        return len(actions(caplog, tenant_id)) == count

    await eventually(lambda: handled(2))
    changed = await gateway.http.put(
        f"/tenants/{tenant_id}", json={"service_requirements": {"callbot": 20}}, headers=DEMO
    )
    assert changed.status_code == 202, changed.text
    await eventually(lambda: handled(4))
    assert actions(caplog, tenant_id) == ["sizing-passed-on"] * 4
