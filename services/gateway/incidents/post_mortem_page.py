"""A post-mortem as an HTML page to print, complete and sign: what fired, what was done, what it cost. Pure."""

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
from services.gateway.incidents.post_mortem_texts import PostMortemTexts
from services.gateway.incidents.schemas import IncidentAlert, PostMortem, TimelineEntry

_MOST_ALERTS = 50
_MOST_LINES = 200
_STYLE_SHEET = STYLE + ".blank { border: 1px solid var(--line); border-radius: 8px; height: 88px; }\n"
POLICY = policy(_STYLE_SHEET)
"""The page's Content-Security-Policy."""
_COLOURS = {"critical": "violated", "warning": "unknown", "info": ""}
_ITSELF = "ecp"
_CONCLUSIONS = ("root-cause", "went-well", "went-badly", "follow-up")


def write(post_mortem: PostMortem, translator: Translator) -> str:
    """The post-mortem as a complete HTML document."""
    texts, zone = PostMortemTexts(translator), ZoneInfo(post_mortem.time_zone)
    incident = post_mortem.incident
    title = texts("title", title=incident.title)
    merged = note(texts("merged", other=incident.merged_into)) if incident.merged_into else ""
    body = "".join(
        (
            header(title, _subtitle(post_mortem, zone, texts)),
            _cards(post_mortem, zone, texts),
            merged,
            section(texts("what-fired"), _alerts(post_mortem, zone, texts)),
            section(texts("what-was-done"), _operations(post_mortem, zone, texts)),
            section(texts("timeline"), _timeline(post_mortem, zone, texts)),
            *(section(texts(each), '<div class="blank"></div>') for each in _CONCLUSIONS),
            signatures(texts("date"), texts("signature")),
        )
    )
    return document(title, body, language=texts.language, style_sheet=_STYLE_SHEET)


def _subtitle(post_mortem: PostMortem, zone: ZoneInfo, texts: PostMortemTexts) -> str:
    incident = post_mortem.incident
    start = moment(incident.opened_at, zone)
    end = moment(incident.closed_at, zone) if incident.closed_at else texts("goes-on")
    span = texts("span", start=start, end=end, zone=post_mortem.time_zone)
    return f"{incident.tenant_id} · {incident.incident_id} · {span}"


def _cards(post_mortem: PostMortem, zone: ZoneInfo, texts: PostMortemTexts) -> str:
    incident, cost = post_mortem.incident, post_mortem.cost
    acknowledged = post_mortem.minutes_to_acknowledge
    of_budget = texts("budget-of", minutes=f"{cost.budget_minutes:g}", target=f"{cost.target:g}")
    return cards(
        (
            card(texts("severity"), texts(incident.severity), _COLOURS[incident.severity]),
            card(texts("status"), texts(incident.status)),
            card(texts("duration"), texts.duration(post_mortem.minutes * 60)),
            card(
                texts("acknowledged-after"),
                texts("never") if acknowledged is None else texts.duration(acknowledged * 60),
                below=incident.acknowledged_by or "",
            ),
            card(
                texts("downtime"),
                texts.duration(cost.downtime_minutes * 60),
                below=texts("downtime-since", time=moment(cost.since, zone)),
            ),
            card(texts("budget"), f"{cost.budget_percent:.1f} %", below=of_budget),
            card(texts("unobserved"), texts.duration(cost.unknown_minutes * 60)),
            card(texts("in-maintenance"), texts.duration(cost.maintenance_minutes * 60)),
            card(texts("assignee"), incident.assignee or texts("unassigned")),
        )
    )


def _alerts(post_mortem: PostMortem, zone: ZoneInfo, texts: PostMortemTexts) -> str:
    incident = post_mortem.incident
    if not incident.alert_list:
        return note(texts("no-alerts"))
    shown = incident.alert_list[:_MOST_ALERTS]
    rows = (
        (
            each.name,
            texts(each.severity),
            each.summary,
            moment(each.first_at, zone),
            moment(each.fired_at, zone),
            moment(each.resolved_at, zone) if each.resolved_at else texts("fires"),
            str(each.firings),
            _notified(each, texts),
        )
        for each in shown
    )
    names = ("alert", "severity", "summary", "first", "last", "resolved", "firings", "told")
    left_out = incident.alerts - len(shown)
    more = note(texts("alerts-left-out", count=left_out)) if left_out > 0 else ""
    return table([texts(each) for each in names], rows) + more


def _notified(alert: IncidentAlert, texts: PostMortemTexts) -> str:
    if alert.muted_by:
        return texts("told-muted", by=alert.muted_by)
    return texts("told-inhibited") if alert.inhibited_by else texts("told-yes")


def _operations(post_mortem: PostMortem, zone: ZoneInfo, texts: PostMortemTexts) -> str:
    if not post_mortem.operations:
        return note(texts("nothing-done"))
    rows = (
        (
            each.operation,
            each.deployment_id,
            moment(each.requested_at, zone),
            moment(each.finished_at, zone) if each.finished_at else texts("goes-on"),
            each.status,
        )
        for each in post_mortem.operations
    )
    return table([texts("operation"), "ID", texts("requested"), texts("finished"), texts("result")], rows)


def _timeline(post_mortem: PostMortem, zone: ZoneInfo, texts: PostMortemTexts) -> str:
    lines = post_mortem.incident.timeline
    shown = lines[-_MOST_LINES:]
    rows = (
        (moment(each.time, zone), texts("itself") if each.author == _ITSELF else each.author, _event(each))
        for each in shown
    )
    left_out = len(lines) - len(shown)
    more = note(texts("lines-left-out", count=left_out)) if left_out > 0 else ""
    return more + table([texts("time"), texts("who"), texts("event")], rows)


def _event(entry: TimelineEntry) -> str:
    return f"{entry.text}: {entry.comment}" if entry.comment else entry.text
