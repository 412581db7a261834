"""What people read in e-mails and in Slack, in English and in Korean. Pure.

The monitor has no translations at run time (they are the gateway's), so both languages of the few texts stand here.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.monitor.notifications.content import AlertNotice, Content

Language = Literal["en", "ko"]


class Texts(NamedTuple):
    """The texts of one language."""

    firing: str
    resolved: str
    test: str
    repeated: str
    escalated: str
    several: str
    """The subject of a notification of several alerts."""
    critical: str
    warning: str
    info: str
    tenant: str
    condition: str
    value: str
    since: str
    until: str
    labels: str
    runbook: str
    incident: str
    zone: str
    demo: str


TEXTS: Mapping[Language, Texts] = {
    "en": Texts(
        firing="Firing",
        resolved="Resolved",
        test="Test",
        repeated="still firing",
        escalated="escalated, not acknowledged",
        several="{firing} firing, {resolved} resolved",
        critical="critical",
        warning="warning",
        info="info",
        tenant="Tenant",
        condition="Condition",
        value="Value",
        since="Since",
        until="Resolved at",
        labels="Labels",
        runbook="Runbook",
        incident="Incident",
        zone="UTC",
        demo="demo",
    ),
    "ko": Texts(
        firing="발생",
        resolved="해소",
        test="시험",
        repeated="계속 발생 중",
        escalated="확인되지 않아 상위로 전달",
        several="발생 {firing}건, 해소 {resolved}건",
        critical="심각",
        warning="경고",
        info="정보",
        tenant="테넌트",
        condition="조건",
        value="값",
        since="발생 시각",
        until="해소 시각",
        labels="레이블",
        runbook="대응 절차",
        incident="인시던트",
        zone="Asia/Seoul",
        demo="데모",
    ),
}


def title(content: Content, language: Language) -> str:
    """One line: the subject of an e-mail, the first line of a message."""
    texts = TEXTS[language]
    mode = f"[{texts.demo}] " if content.mode == "demo" else ""
    if len(content.alerts) == 1:
        return mode + headline(content.alerts[0], language)
    count = texts.several.format(firing=content.firing, resolved=len(content.alerts) - content.firing)
    tenants = {each.tenant_id for each in content.alerts}
    names = f" ({', '.join(sorted(tenants))})" if len(tenants) <= 3 else ""
    return f"{mode}[{getattr(texts, content.most_severe)}] {count}{names}"


def headline(alert: AlertNotice, language: Language) -> str:
    """`[critical] Firing: high_cpu_usage (acme)`."""
    texts = TEXTS[language]
    state = texts.test if alert.reason == "test" else getattr(texts, alert.status)
    why = f", {getattr(texts, alert.reason)}" if alert.reason in ("repeated", "escalated") else ""
    return f"[{getattr(texts, alert.severity)}] {state}: {alert.name} ({alert.tenant_id}){why}"


def facts(alert: AlertNotice, language: Language) -> dict[str, str]:
    """What is known of an alert, by its name in the language; nothing that is empty."""
    texts = TEXTS[language]
    zone = ZoneInfo(texts.zone)
    known = {
        texts.tenant: alert.tenant_id,
        texts.condition: alert.condition,
        texts.value: "" if alert.value is None else f"{alert.value:.6g}",
        texts.since: f"{alert.starts_at.astimezone(zone):%Y-%m-%d %H:%M:%S} ({texts.zone})",
        texts.until: ""
        if alert.status == "firing"
        else f"{alert.at.astimezone(zone):%Y-%m-%d %H:%M:%S} ({texts.zone})",
        texts.labels: ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items())),
        texts.runbook: alert.runbook or "",
        texts.incident: alert.incident_id or "",
    }
    return {name: value for name, value in known.items() if value}
