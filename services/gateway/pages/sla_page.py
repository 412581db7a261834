"""An SLA report as a page to print and sign: figures, a chart of the parts, a chart of the budget, failures, services.

The charts are inline SVG. What is unknown is hatched, and never coloured as up.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from services.gateway.pages import charts
from shared.rpc import SlaFailure, SlaReport

_STYLE = """
:root { color-scheme: light; --up: #2e7d32; --down: #c62828; --muted: #5f6b7a; --line: #d8dee6; }
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, "Noto Sans KR", sans-serif; color: #1c2430; }
body { margin: 0 auto; padding: 32px; max-width: 960px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 15px; margin: 28px 0 8px; }
.sub, .note, caption { color: var(--muted); } .note { margin: 4px 0; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin-top: 20px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
.card b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.meeting { color: var(--up); } .violated { color: var(--down); } .unknown { color: var(--muted); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; }
svg { width: 100%; height: auto; display: block; }
.sign { margin-top: 48px; display: flex; gap: 48px; }
.sign div { flex: 1; border-top: 1px solid #1c2430; padding-top: 4px; }
@media print { body { padding: 0; max-width: none; } section { break-inside: avoid; } }
"""


def write(report: SlaReport) -> str:
    """A whole HTML document."""
    zone = ZoneInfo(report.time_zone)
    title = f"SLA report: {report.name or report.tenant_id}"
    body = "".join(
        (
            f"<header><h1>{escape(title)}</h1><div class=sub>{escape(_subtitle(report, zone))}</div></header>",
            _cards(report),
            "".join(f"<p class=note>{escape(note)}</p>" for note in report.notes),
            _section("Availability", charts.availability(report, zone)),
            _section("Error budget", charts.budget(report, zone)),
            _section("Burn rates", _burn_rates(report)),
            _section("Failures", _failures(report.failures, zone)),
            _section("Services", _services(report)),
            _maintenance(report, zone),
            "<div class=sign><div>Date</div><div>Signature</div></div>",
        )
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>'
    )


def duration(seconds: float | None) -> str:
    """`3 d 4 h`, `12 min 5 s`: the two largest units."""
    if seconds is None:
        return "–"
    parts = []
    left = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def percent(value: float | None) -> str:
    """Cut and not rounded: 99.9996 is not 100."""
    return "unknown" if value is None else f"{int(value * 1000) / 1000:.3f} %"


def _subtitle(report: SlaReport, zone: ZoneInfo) -> str:
    kind = f"last {report.period}" if report.rolling else report.period
    span = f"{_moment(report.start, zone)} to {_moment(report.end, zone)} ({report.time_zone})"
    return f"{report.tenant_id} · {kind} · {span} · reported {_moment(report.reported_at, zone)}"


def _cards(report: SlaReport) -> str:
    figures, requests = report.figures, report.requests
    measured = requests or figures
    cards = [
        (
            "Availability",
            percent(measured.availability if measured else None),
            measured.status if measured else "unknown",
        ),
        ("Target", f"{report.target:g} %", ""),
        ("Error budget left", f"{report.error_budget.left_percent:.1f} %", ""),
        ("Failures", str(figures.failures if figures else 0), ""),
        ("Downtime", duration(figures.downtime_seconds if figures else 0), ""),
        ("Unknown", duration(figures.unknown_seconds if figures else 0), ""),
        ("MTTR", duration(figures.mttr_seconds if figures else None), ""),
        ("MTBF", duration(figures.mtbf_seconds if figures else None), ""),
    ]
    if requests is not None:
        cards += [("Requests", f"{requests.total:,.0f}", ""), ("Failed requests", f"{requests.bad:,.0f}", "")]
    shown = "".join(
        f'<div class="card"><span class=sub>{name}</span><b class="{kind}">{escape(value)}</b></div>'
        for name, value, kind in cards
    )
    return f'<div class="cards">{shown}</div>'


def _burn_rates(report: SlaReport) -> str:
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in report.burn_rates)
    row = "".join(f"<td class=n>{'–' if rate is None else f'{rate:.2f}'}</td>" for rate in report.burn_rates.values())
    note = "At 1 the budget lasts just as long as the period."
    return f"<table><tr>{head}</tr><tr>{row}</tr></table><p class=note>{note}</p>"


def _failures(failures: Sequence[SlaFailure], zone: ZoneInfo) -> str:
    if not failures:
        return "<p class=note>None was seen.</p>"
    rows = (
        (_moment(each.start, zone), _moment(each.end, zone) if each.end else "goes on", duration(each.seconds))
        for each in reversed(failures)
    )
    return _table(("From", "To", "Seen down"), rows)


def _services(report: SlaReport) -> str:
    if not report.services:
        return "<p class=note>Nothing is known of single services.</p>"
    rows = (
        (
            each.service,
            percent(each.availability),
            each.status,
            duration(each.downtime_seconds),
            duration(each.unknown_seconds),
            str(each.failures),
            duration(each.mttr_seconds),
        )
        for each in report.services
    )
    return _table(("Service", "Availability", "Status", "Downtime", "Unknown", "Failures", "MTTR"), rows)


def _maintenance(report: SlaReport, zone: ZoneInfo) -> str:
    if not report.maintenance:
        return ""
    rows = ((_moment(each.start, zone), _moment(each.end, zone), each.reason) for each in report.maintenance)
    return _section("Planned maintenance (doesn't count)", _table(("From", "To", "Reason"), rows))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"


def _moment(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}"
