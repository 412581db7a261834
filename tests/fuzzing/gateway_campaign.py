"""The gateway's document against the gateway: a campaign for each mode, on tenants that exist."""

from collections.abc import Sequence
from typing import Any

import schemathesis
import yaml
from schemathesis.core.deserialization import DeserializationContext
from schemathesis.core.media_types import YAML_MEDIA_TYPES
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case

from shared.subjects import Mode
from tests.support.api_fuzzing import Campaign
from tests.support.gateway import Gateway

TENANTS = 3
REASONS: Sequence[str] = ("WORKER_UNAVAILABLE", "MONITORING_UNAVAILABLE", "OVERLOADED")
"""Codes that explain a 503 here: neither deployer nor monitor runs. Databases do: DATABASE_ERROR explains nothing."""


@schemathesis.deserializer(*YAML_MEDIA_TYPES)
def _manifest(_: DeserializationContext, response: Response) -> str:
    """Text of several documents, each of which must be valid; schemathesis itself reads a single one."""
    list(yaml.safe_load_all(response.text))
    return response.text


async def campaign(gateway: Gateway, mode: Mode) -> Campaign:
    """Made of what the gateway publishes at /openapi.json; no tenant of it has a deployer, so nothing is rolled out."""
    made = [await gateway.create(mode) for _ in range(TENANTS)]
    url = f"http://127.0.0.1:{gateway.settings.port}"
    document = (await gateway.http.get(f"{url}/openapi.json")).json()

    def choose_mode(case: Case[Any]) -> None:
        for name in [name for name in case.headers if name.lower() == "x-demo-mode"]:
            del case.headers[name]
        if mode is Mode.DEMO:
            case.headers["X-Demo-Mode"] = "true"

    known = {name: [answer[name] for answer in made] for name in ("tenant_id", "deployment_id")}
    return Campaign(document, url, known=known, reasons=REASONS, fix=choose_mode, batch=16)
