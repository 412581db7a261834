"""The gateway's document against the gateway: in both modes, on tenants that exist."""

from collections.abc import Sequence
from typing import Any

import schemathesis
import yaml
from schemathesis.core.deserialization import DeserializationContext
from schemathesis.core.media_types import YAML_MEDIA_TYPES
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case

from shared.subjects import Mode
from tests.support.api_fuzzing import Campaign, Target
from tests.support.gateway import Gateway

TENANTS = 3
REASONS: Sequence[str] = ("WORKER_UNAVAILABLE", "MONITORING_UNAVAILABLE", "OVERLOADED")
"""Codes that explain a 503 here: neither deployer nor monitor runs. Databases do: DATABASE_ERROR explains nothing."""


@schemathesis.deserializer(*YAML_MEDIA_TYPES)
def _manifest(_: DeserializationContext, response: Response) -> str:
    """Text of several documents, each of which must be valid; schemathesis itself reads a single one."""
    list(yaml.safe_load_all(response.text))
    return response.text


async def campaign(gateway: Gateway) -> Campaign:
    """Made of what the gateway publishes at /openapi.json; no tenant of it has a deployer, so nothing is rolled out."""
    url = f"http://127.0.0.1:{gateway.settings.port}"
    document = (await gateway.http.get(f"{url}/openapi.json")).json()
    targets = [await _target(gateway, url, mode) for mode in Mode]
    return Campaign(document, targets, reasons=REASONS, batch=16)


async def _target(gateway: Gateway, url: str, mode: Mode) -> Target:
    made = [await gateway.create(mode) for _ in range(TENANTS)]
    known = {name: [answer[name] for answer in made] for name in ("tenant_id", "deployment_id")}

    def choose_mode(case: Case[Any]) -> None:
        for name in [name for name in case.headers if name.lower() == "x-demo-mode"]:
            del case.headers[name]
        if mode is Mode.DEMO:
            case.headers["X-Demo-Mode"] = "true"

    return Target(mode, url, known=known, fix=choose_mode)
