"""The printable SLA report: complete in both languages, and nothing in it is taken for markup."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from services.gateway.http.language import Translator
from services.gateway.http.request_context import Language
from services.gateway.sla.report_page import POLICY, write
from services.gateway.sla.report_texts import ReportTexts
from shared.events import ErrorBudget
from shared.rpc import SlaFailure, SlaFigures, SlaMaintenance, SlaPart, SlaReport, SlaRequests, SlaService
from tests.support.html_pages import check_page

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
# Abbreviations that are the same in Korean, and what the tenant is called.
_SAME = {"SLA", "MTTR", "MTBF", "UTC", "acme", "Acme", "callbot", "tts", "Upgrade"}


def report(**changes: Any) -> SlaReport:
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


REPORTS = {
    "full": report(),
    "empty": report(
        figures=None,
        requests=None,
        by="time",
        services=(),
        parts=(),
        failures=(),
        maintenance=(),
        burn_rates={},
        error_budget=ErrorBudget(allowed_seconds=0, spent_seconds=0, left_percent=0),
    ),
    "no requests": report(
        requests=SlaRequests(total=0, bad=0, availability=None, status="unknown", is_low_traffic=True),
        period="week",
        rolling=False,
    ),
    "projected": report(
        requests=None,
        period="7d",
        error_budget=ErrorBudget(
            allowed_seconds=9000, spent_seconds=3600, left_percent=60, exhausts_at=START + 3.5 * DAY
        ),
    ),
}


def _without_style(page: str) -> str:
    return re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_its_page_in_both_languages(name: str, language: Language) -> None:
    page = write(REPORTS[name], Translator(language))
    assert page.startswith(f'<!doctype html><html lang="{language}">')
    assert page.count("<svg") == 2
    assert "{" not in _without_style(page)


@pytest.mark.parametrize("name", REPORTS)
def test_a_korean_page_has_no_english_word(name: str) -> None:
    page = _without_style(write(REPORTS[name], Translator("ko")))
    shown = unescape(" ".join([*re.findall(r">([^<]*)<", page), *re.findall(r'aria-label="([^"]*)"', page)]))
    words = set(re.findall(r"[A-Za-z]{3,}", shown.replace("Asia/Seoul", "")))
    assert words - _SAME == set()


def test_the_latest_failures_are_shown_and_the_rest_is_counted() -> None:
    page = write(REPORTS["full"], Translator("en"))
    assert "5 earlier ones are left out." in page
    assert page.index("goes on") < page.index("2026-03-03 17:00:00")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("full", "It was used up on 2026-03-02 09:00."),
        ("projected", "As in the last day, it will be used up on 2026-03-04 21:00."),
        ("empty", "As in the last day, it lasts."),
    ],
)
def test_the_budget_is_also_a_sentence(name: str, sentence: str) -> None:
    assert sentence in write(REPORTS[name], Translator("en"))


def test_unknown_time_is_hatched_and_named() -> None:
    page = write(REPORTS["full"], Translator("en"))
    assert page.count("url(#unknown)") == 2
    assert "2.78 % of the time wasn&#x27;t observed" in page


def test_names_are_no_markup() -> None:
    page = write(report(name="<script>alert(1)</script>", tenant_id="a&b"), Translator("en"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [(None, "–", "–"), (0, "0 s", "0초"), (65, "1 min 5 s", "1분 5초"), (90_061, "1 d 1 h", "1일 1시간")],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, english: str, korean: str) -> None:
    assert ReportTexts(Translator("en")).duration(seconds) == english
    assert ReportTexts(Translator("ko")).duration(seconds) == korean


def test_an_availability_is_cut_and_not_rounded() -> None:
    assert ReportTexts(Translator("en")).percent(99.9996) == "99.999 %"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_policy_allows_the_page_s_style_sheet_and_nothing_else(language: Language) -> None:
    check_page(write(report(), Translator(language)), POLICY)
    assert "unsafe" not in POLICY
