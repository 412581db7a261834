"""The printable post-mortem: complete in both languages, and nothing in it is taken for markup."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from services.gateway.http.language import Translator
from services.gateway.http.request_context import Language
from services.gateway.incidents.post_mortem_page import POLICY, write
from services.gateway.incidents.schemas import (
    IncidentAlert,
    IncidentDetail,
    IncidentOperation,
    PostMortem,
    TimelineEntry,
)
from shared.rpc.incidents import IncidentCost
from tests.support.html_pages import check_page

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_SAME = {"ECP", "UTC", "cpu", "acme", "callbot", "lee", "incident", "restart", "dep", "completed", "kim", "silence"}
"""What isn't translated: names, ids, and what people wrote."""


def alert(**fields: Any) -> IncidentAlert:
    given = {
        "alert_id": "alert-1",
        "fingerprint": "f",
        "name": "cpu",
        "severity": "critical",
        "state": "resolved",
        "summary": "callbot",
        "condition": "cpu > 80",
        "value": 93.0,
        "labels": {},
        "runbook": None,
        "first_at": START,
        "fired_at": START,
        "resolved_at": START + MINUTE,
        "firings": 1,
        "muted_by": None,
        "inhibited_by": None,
    }
    return IncidentAlert.model_validate(given | fields)


def incident(**fields: Any) -> IncidentDetail:
    alerts = [alert(), alert(muted_by="silence-1"), alert(inhibited_by="f", resolved_at=None)]
    given = {
        "incident_id": "incident-1",
        "tenant_id": "acme",
        "title": "callbot <script>",
        "severity": "critical",
        "status": "closed",
        "opened_at": START,
        "opened_by": "ecp",
        "acknowledged_at": START + MINUTE,
        "acknowledged_by": "kim",
        "assignee": "lee",
        "closed_at": START + 90 * MINUTE,
        "closed_by": None,
        "merged_into": None,
        "alerts": 60,
        "firing": 0,
        "severity_by": None,
        "alert_list": alerts,
        "timeline": [
            TimelineEntry(time=START, kind="comment", author="kim", text="<b>callbot</b>", comment=None),
            TimelineEntry(time=START, kind="assigned", author="ecp", text="lee", comment="kim & lee"),
        ],
    }
    return IncidentDetail.model_validate(given | fields)


def post_mortem(found: IncidentDetail, **fields: Any) -> PostMortem:
    cost = IncidentCost(
        since=START - 5 * MINUTE,
        until=START + 90 * MINUTE,
        target=99.5,
        downtime_minutes=95,
        unknown_minutes=2,
        maintenance_minutes=0,
        budget_minutes=216,
        budget_percent=43.98,
    )
    operation = IncidentOperation(
        deployment_id="dep-1",
        operation="restart",
        status="completed",
        message="",
        requested_at=START,
        finished_at=START + MINUTE,
    )
    given = {
        "incident": found,
        "minutes": 90,
        "minutes_to_acknowledge": 1,
        "cost": cost,
        "operations": [operation],
        "time_zone": "UTC",
    }
    return PostMortem.model_validate(given | fields)


PAGES = {
    "full": post_mortem(incident()),
    "bare": post_mortem(
        incident(status="open", closed_at=None, assignee=None, alert_list=[], alerts=0, timeline=[], merged_into="x"),
        operations=[],
        minutes_to_acknowledge=None,
    ),
}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", PAGES)
def test_a_post_mortem_has_its_page_in_both_languages(name: str, language: Language) -> None:
    page = write(PAGES[name], Translator(language))
    check_page(page, POLICY)
    assert page.startswith(f'<!doctype html><html lang="{language}">')
    assert "<script" not in page
    assert "<b>callbot" not in page


@pytest.mark.parametrize("name", PAGES)
def test_a_korean_page_has_no_english_word(name: str) -> None:
    page = re.sub(r"<style>.*?</style>", "", write(PAGES[name], Translator("ko")), flags=re.DOTALL)
    shown = unescape(" ".join(re.findall(r">([^<]*)<", page)))
    assert set(re.findall(r"[A-Za-z]{3,}", shown)) - _SAME - {"script"} == set()


def test_it_shows_the_cost_in_minutes_and_in_budget() -> None:
    page = unescape(write(PAGES["full"], Translator("en")))
    for text in ("1 h 35 min", "44.0 %", "of 216 min in 30 days at 99.5 %", "57 more alerts are left out."):
        assert text in page
    assert "no: silence-1" in page
    assert "no: explained by another alert" in page


def test_the_policy_allows_its_own_style_sheet_alone() -> None:
    assert "script" not in POLICY
    assert "default-src 'none'" in POLICY
