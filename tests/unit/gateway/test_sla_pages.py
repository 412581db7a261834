"""The printable SLA report: complete in both languages, and nothing in it is taken for markup."""

import re
from html import unescape

import pytest

from services.gateway.http.language import Translator
from services.gateway.http.request_context import Language
from services.gateway.sla.report_page import POLICY, write
from services.gateway.sla.report_texts import ReportTexts
from shared.events import ErrorBudget
from shared.rpc import SlaRequests
from tests.support.html_pages import check_page
from tests.support.sla_reports import DAY, START, report

# Abbreviations that are the same in Korean, and what the tenant is called.
_SAME = {"SLA", "MTTR", "MTBF", "UTC", "acme", "Acme", "callbot", "tts", "Upgrade"}


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
