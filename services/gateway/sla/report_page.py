"""An SLA report as an HTML page to print and sign: figures, charts, failures, services. Pure.

The charts are inline SVG. Unknown time is hatched, and never coloured as up.
"""

from collections.abc import Iterator
from html import escape
from zoneinfo import ZoneInfo

from services.gateway.http.language import Translator
from services.gateway.http.printed_page import (
    STYLE,
    card,
    cards,
    document,
    header,
    moment,
    note,
    policy,
    section,
    signatures,
    table,
)
from services.gateway.sla import charts
from services.gateway.sla.report_texts import ReportTexts
from shared.rpc import SlaReport

_MOST_FAILURES = 25

_STYLE_SHEET = STYLE + charts.STYLE
POLICY = policy(_STYLE_SHEET)
"""The page's Content-Security-Policy."""


def write(report: SlaReport, translator: Translator) -> str:
    """The report as a complete HTML document."""
    texts = ReportTexts(translator)
    zone = ZoneInfo(report.time_zone)
    title = texts("title", name=report.name or report.tenant_id)
    body = "".join(
        (
            header(title, _subtitle(report, zone, texts)),
            _cards(report, texts),
            "".join(note(each) for each in _notes(report, texts)),
            section(texts("availability"), charts.availability(report, zone, texts)),
            section(texts("error-budget"), charts.budget(report, zone, texts)),
            section(texts("burn-rates"), _burn_rates(report, texts)),
            section(texts("latest-failures"), _failures(report, zone, texts)),
            section(texts("services"), _services(report, texts)),
            _maintenance(report, zone, texts),
            signatures(texts("date"), texts("signature")),
        )
    )
    return document(title, body, language=texts.language, style_sheet=_STYLE_SHEET)


def _subtitle(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    kind = texts.period(report.period, rolling=report.rolling)
    start, end = moment(report.start, zone), moment(report.end, zone)
    span = texts("span", start=start, end=end, zone=report.time_zone)
    return f"{report.tenant_id} · {kind} · {span} · {texts('reported', time=moment(report.reported_at, zone))}"


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
    shown = [
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
        shown += [
            ("requests", f"{requests.total:,.0f}", "", ""),
            ("failed-requests", f"{requests.bad:,.0f}", "", ""),
        ]
    return cards(card(texts(name), *rest) for name, *rest in shown)


def _burn_rates(report: SlaReport, texts: ReportTexts) -> str:
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in report.burn_rates)
    row = "".join(f"<td class=n>{'–' if rate is None else f'{rate:.2f}'}</td>" for rate in report.burn_rates.values())
    return f"<table><tr>{head}</tr><tr>{row}</tr></table>{note(texts('burn-rate-of-one'))}"


def _failures(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    """A table of the latest failures, as many as fit on a page."""
    shown = report.failures[-_MOST_FAILURES:]
    if not shown:
        return note(texts("no-failures"))
    rows = (
        (
            moment(each.start, zone),
            moment(each.end, zone) if each.end else texts("goes-on"),
            texts.duration(each.seconds),
        )
        for each in reversed(shown)
    )
    left_out = (report.figures.failures if report.figures else len(shown)) - len(shown)
    more = texts("failures-left-out", count=left_out) if left_out > 0 else ""
    return table([texts(each) for each in ("from", "to", "seen-down")], rows) + (note(more) if more else "")


def _services(report: SlaReport, texts: ReportTexts) -> str:
    if not report.services:
        return note(texts("no-services"))
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
    return table([texts(each) for each in names], rows)


def _maintenance(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    if not report.maintenance:
        return ""
    rows = ((moment(each.start, zone), moment(each.end, zone), each.reason) for each in report.maintenance)
    windows = table([texts(each) for each in ("from", "to", "reason")], rows)
    return section(texts("maintenance"), windows)
