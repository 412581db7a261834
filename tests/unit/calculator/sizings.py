"""The documented call centre, and sizings for tests."""

from collections.abc import Mapping
from typing import Any

from services.calculator.sizing.tenant_sizing import size
from shared.catalog import load_catalog
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget

CATALOG = load_catalog()
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}


def sized(
    requirements: Mapping[str, int], preset: str | None = None, gpu_type: str | None = None, **sla: Any
) -> Sizing:
    target = SlaTarget.model_validate({"availability": "99%", "response_time": "1s"} | sla)
    return size(requirements, target, preset, gpu_type, CATALOG)


def workload(sizing: Sizing, service: str) -> ServiceSizing:
    return next(each for each in sizing.services if each.service == service)
