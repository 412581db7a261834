"""Which systems may send samples of which tenant."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.monitor.sample_senders import SampleSenders
from shared.errors import Refused
from shared.identity.systems import OutsideSystems
from shared.subjects import Mode


class Granted:
    """A database in which `crm` has been given the tenant `made`."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Granted"]:
        yield self

    async def scalar(self, _: Any, values: dict[str, str]) -> bool:
        return values == {"kind": "system", "subject": "crm", "sought": "made"}


@pytest.fixture
def senders(tmp_path: Path) -> SampleSenders:
    file = tmp_path / "roles.json"
    file.write_text(json.dumps({"crm": {"role": "operator", "tenants": ["acme"]}, "bi": {"role": "viewer"}}))
    return SampleSenders(OutsideSystems(file), {Mode.DEMO: Granted()})  # type: ignore[dict-item]


@pytest.mark.parametrize(("system", "tenant_id"), [("crm", "acme"), ("crm", "made"), ("other", "anything")])
async def test_a_system_measures_its_tenants(senders: SampleSenders, system: str, tenant_id: str) -> None:
    await senders.check(Mode.DEMO, system, tenant_id)


@pytest.mark.parametrize(
    ("system", "tenant_id", "code"), [("crm", "globex", "TENANT_NOT_FOUND"), ("bi", "acme", "FORBIDDEN")]
)
async def test_a_system_measures_no_other_tenant(
    senders: SampleSenders, system: str, tenant_id: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await senders.check(Mode.DEMO, system, tenant_id)
    assert refused.value.code == code
