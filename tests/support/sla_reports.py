"""SLA reports for tests of their pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.events import ErrorBudget
from shared.rpc import SlaFailure, SlaFigures, SlaMaintenance, SlaPart, SlaReport, SlaRequests, SlaService

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIGURES: dict[str, Any] = {
    "since": START,
    "until": START + 3 * DAY,
    "availability": 98.75,
    "status": "violated",
    "up_seconds": 200_000,
    "downtime_seconds": 3600,
    "unknown_seconds": 7200,
    "maintenance_seconds": 1800,
    "failures": 30,
    "mttr_seconds": 120.0,
    "mtbf_seconds": 100_000.0,
}


def report(**changes: Any) -> SlaReport:
    """A report with everything in it, with `changes`."""
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "name": "Acme",
        "period": "month",
        "rolling": True,
        "time_zone": "Asia/Seoul",
        "start": START,
        "end": START + 4 * DAY,
        "reported_at": START + 3 * DAY,
        "target": 99.5,
        "by": "requests",
        "figures": SlaFigures(**FIGURES),
        "requests": SlaRequests(total=50, bad=1, availability=98.0, status="unknown", is_low_traffic=True),
        "error_budget": ErrorBudget(
            allowed_seconds=1700, spent_seconds=3600, left_percent=-111.8, exhausts_at=START + DAY
        ),
        "burn_rates": {"1h": 2.5, "3d": None},
        "services": (
            SlaService(service="callbot", **FIGURES),
            SlaService(service="tts", **(FIGURES | {"availability": None, "status": "unknown", "mttr_seconds": None})),
        ),
        "parts": tuple(
            SlaPart(
                start=START + index * DAY,
                end=START + (index + 1) * DAY,
                availability=availability,
                downtime_seconds=0,
                unknown_seconds=unknown,
                maintenance_seconds=maintenance,
            )
            for index, (availability, unknown, maintenance) in enumerate(
                [(100.0, 0, 0), (95.0, 7200, 0), (None, 86_400, 0), (None, 0, 1800)]
            )
        ),
        "failures": tuple(
            SlaFailure(start=START + hours * timedelta(hours=2), end=None if hours == 29 else START + DAY, seconds=120)
            for hours in range(30)
        ),
        "maintenance": (SlaMaintenance(id=1, start=START, end=START + DAY, reason="Upgrade", tenant_id=None),),
        "notes": (),
    }
    return SlaReport(**(fields | changes))
