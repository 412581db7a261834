"""An SLA report as CSV: a row for the period, each service, each part and each failure. Pure."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from shared.rpc import SlaReport

_COLUMNS = (
    "kind",
    "name",
    "start",
    "end",
    "availability_percent",
    "target_percent",
    "status",
    "downtime_seconds",
    "unknown_seconds",
    "maintenance_seconds",
    "failures",
    "mttr_seconds",
    "mtbf_seconds",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(report: SlaReport) -> str:
    """The report by RFC 4180, with times by ISO 8601. Names are escaped so that a spreadsheet runs no formula."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, restval="")
    writer.writeheader()
    writer.writerows((*_wholes(report), *_parts(report), *_failures(report)))
    return out.getvalue()


def _wholes(report: SlaReport) -> Iterator[dict[str, Any]]:
    """A row for the whole period, and one for each service."""
    wholes = [("period", report.period, report.figures)] if report.figures else []
    for kind, name, figures in (*wholes, *(("service", each.service, each) for each in report.services)):
        yield {
            "kind": kind,
            "name": _text(name),
            "start": figures.since.isoformat(),
            "end": figures.until.isoformat(),
            "availability_percent": _number(figures.availability),
            "target_percent": report.target,
            "status": figures.status,
            "downtime_seconds": figures.downtime_seconds,
            "unknown_seconds": figures.unknown_seconds,
            "maintenance_seconds": figures.maintenance_seconds,
            "failures": figures.failures,
            "mttr_seconds": _number(figures.mttr_seconds),
            "mtbf_seconds": _number(figures.mtbf_seconds),
        }


def _parts(report: SlaReport) -> Iterator[dict[str, Any]]:
    for part in report.parts:
        yield {
            "kind": "part",
            "start": part.start.isoformat(),
            "end": part.end.isoformat(),
            "availability_percent": _number(part.availability),
            "target_percent": report.target,
            "downtime_seconds": part.downtime_seconds,
            "unknown_seconds": part.unknown_seconds,
            "maintenance_seconds": part.maintenance_seconds,
        }


def _failures(report: SlaReport) -> Iterator[dict[str, Any]]:
    for failure in report.failures:
        end = failure.end.isoformat() if failure.end else ""
        yield {"kind": "failure", "start": failure.start.isoformat(), "end": end, "downtime_seconds": failure.seconds}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
