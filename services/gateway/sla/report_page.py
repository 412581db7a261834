"""An SLA report as an HTML page to print and sign: figures, charts, failures, services. Pure.

The charts are inline SVG. Unknown time is hatched, and never coloured as up.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from services.gateway.http.language import Translator
from services.gateway.sla import charts
from services.gateway.sla.report_texts import ReportTexts
from shared.http.content_policy import NO_FRAMES, hash_source
from shared.rpc import SlaReport

_MOST_FAILURES = 25

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
.legend { display: flex; gap: 18px; } .legend i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; }
svg { width: 100%; height: auto; display: block; }
.sign { margin-top: 48px; display: flex; gap: 48px; }
.sign div { flex: 1; border-top: 1px solid #1c2430; padding-top: 4px; }
@media print { body { padding: 0; max-width: none; } section { break-inside: avoid; } }
"""
_STYLE_SHEET = _STYLE + charts.STYLE
POLICY = f"default-src 'none'; style-src {hash_source(_STYLE_SHEET)}; {NO_FRAMES}"
"""The page's Content-Security-Policy: it has no scripts, loads nothing, and has this one style sheet."""


def write(report: SlaReport, translator: Translator) -> str:
    """The report as a complete HTML document."""
    texts = ReportTexts(translator)
    zone = ZoneInfo(report.time_zone)
    title = texts("title", name=report.name or report.tenant_id)
    body = "".join(
        (
            f"<header><h1>{escape(title)}</h1><div class=sub>{escape(_subtitle(report, zone, texts))}</div></header>",
            _cards(report, texts),
            "".join(f"<p class=note>{escape(note)}</p>" for note in _notes(report, texts)),
            _section(texts("availability"), charts.availability(report, zone, texts)),
            _section(texts("error-budget"), charts.budget(report, zone, texts)),
            _section(texts("burn-rates"), _burn_rates(report, texts)),
            _section(texts("latest-failures"), _failures(report, zone, texts)),
            _section(texts("services"), _services(report, texts)),
            _maintenance(report, zone, texts),
            f"<div class=sign><div>{texts('date')}</div><div>{texts('signature')}</div></div>",
        )
    )
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE_SHEET}</style>'
    )
    return f'<!doctype html><html lang="{texts.language}"><head>{head}</head><body>{body}</body></html>'


def _subtitle(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    kind = texts.period(report.period, rolling=report.rolling)
    start, end = _moment(report.start, zone), _moment(report.end, zone)
    span = texts("span", start=start, end=end, zone=report.time_zone)
    return f"{report.tenant_id} · {kind} · {span} · {texts('reported', time=_moment(report.reported_at, zone))}"


def _notes(report: SlaReport, texts: ReportTexts) -> Iterator[str]:
    """What a reader must know to judge the figures. The report's own notes are left out: they are in English."""
    figures = report.figures
    if figures is None:
        yield texts("nothing-known")
    elif figures.unknown_seconds:
        share = 100 * figures.unknown_seconds / (figures.until - figures.since).total_seconds()
        yield texts("partly-unobserved", share=f"{share:.2f}")
    if report.requests is not None and not report.requests.total:
        yield texts("no-requests")
    elif report.requests is not None and report.requests.is_low_traffic:
        yield texts("few-requests")
    if report.reported_at < report.end:
        yield texts("not-ended")


def _cards(report: SlaReport, texts: ReportTexts) -> str:
    figures, requests = report.figures, report.requests
    measured = requests or figures
    status = measured.status if measured else "unknown"
    left = report.error_budget.left_percent
    cards = [
        ("availability", texts.percent(measured.availability if measured else None), status, texts(status)),
        ("target", f"{report.target:g} %", "", ""),
        ("budget-left", f"{left:.1f} %", "" if left >= 0 else "violated", ""),
        ("failures", str(figures.failures if figures else 0), "", ""),
        ("downtime", texts.duration(figures.downtime_seconds if figures else 0), "", ""),
        ("unobserved", texts.duration(figures.unknown_seconds if figures else 0), "", ""),
        ("mttr", texts.duration(figures.mttr_seconds if figures else None), "", ""),
        ("mtbf", texts.duration(figures.mtbf_seconds if figures else None), "", ""),
    ]
    if requests is not None:
        cards += [
            ("requests", f"{requests.total:,.0f}", "", ""),
            ("failed-requests", f"{requests.bad:,.0f}", "", ""),
        ]
    return f'<div class="cards">{"".join(_card(texts(name), *rest) for name, *rest in cards)}</div>'


def _card(name: str, value: str, kind: str, below: str) -> str:
    small = f'<span class="{kind}">{escape(below)}</span>' if below else ""
    return f'<div class="card"><span class=sub>{name}</span><b class="{kind}">{escape(value)}</b>{small}</div>'


def _burn_rates(report: SlaReport, texts: ReportTexts) -> str:
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in report.burn_rates)
    row = "".join(f"<td class=n>{'–' if rate is None else f'{rate:.2f}'}</td>" for rate in report.burn_rates.values())
    note = texts("burn-rate-of-one")
    return f"<table><tr>{head}</tr><tr>{row}</tr></table><p class=note>{note}</p>"


def _failures(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    """A table of the latest failures, as many as fit on a page."""
    shown = report.failures[-_MOST_FAILURES:]
    if not shown:
        return f"<p class=note>{texts('no-failures')}</p>"
    rows = (
        (
            _moment(each.start, zone),
            _moment(each.end, zone) if each.end else texts("goes-on"),
            texts.duration(each.seconds),
        )
        for each in reversed(shown)
    )
    left_out = (report.figures.failures if report.figures else len(shown)) - len(shown)
    more = texts("failures-left-out", count=left_out) if left_out > 0 else ""
    return _table([texts(each) for each in ("from", "to", "seen-down")], rows) + (
        f"<p class=note>{more}</p>" if more else ""
    )


def _services(report: SlaReport, texts: ReportTexts) -> str:
    if not report.services:
        return f"<p class=note>{texts('no-services')}</p>"
    rows = (
        (
            each.service,
            texts.percent(each.availability),
            texts(each.status),
            texts.duration(each.downtime_seconds),
            texts.duration(each.unknown_seconds),
            str(each.failures),
            texts.duration(each.mttr_seconds),
        )
        for each in report.services
    )
    names = ("service", "availability", "status", "downtime", "unobserved", "failures", "mttr")
    return _table([texts(each) for each in names], rows)


def _maintenance(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    if not report.maintenance:
        return ""
    rows = ((_moment(each.start, zone), _moment(each.end, zone), each.reason) for each in report.maintenance)
    table = _table([texts(each) for each in ("from", "to", "reason")], rows)
    return _section(texts("maintenance"), table)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"


def _moment(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}"
