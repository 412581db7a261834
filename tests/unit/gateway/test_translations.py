"""The Korean translations are complete: each message that our code emits, with the same parameters, and no other."""

import string
from pathlib import Path
from typing import Any, get_args

import pytest
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from services.gateway.http.errors import STATUS
from services.gateway.http.translations import Translations, korean
from services.gateway.incidents import post_mortem_texts
from services.gateway.sla.report_texts import ENGLISH, OF_REPORTS
from services.manifest.validation import CODES
from tests.support.message_ids import ROOT, emitted, finding_params

FOLDER = ROOT / "services" / "gateway" / "locales" / "ko"
_ENGLISH_ONLY = {
    "CONFLICT": "each conflict has an id of its own",
    "DEPLOYMENT_FAILED": "names the cluster's reason",
    "KUBERNETES_ERROR": "names the cluster's reason",
    "UNAUTHORIZED": "each reason has an id of its own",
}
"""Codes of errors without a Korean message."""
_DETAILS = {
    "FORBIDDEN": {"required_role", "role"},
    "TENANT_NOT_FOUND": {"tenant_id"},
    "TENANT_ALREADY_EXISTS": {"tenant_id", "existing_status"},
    "INSUFFICIENT_RESOURCES": {"target", "tenant_id"},
    "DEPLOYMENT_NOT_FOUND": {"deployment_id"},
    "INCIDENT_NOT_FOUND": {"incident_id"},
    "WORKER_UNAVAILABLE": {"dependency"},
    "DEPENDENCY_UNAVAILABLE": {"dependency"},
    "METHOD_NOT_ALLOWED": {"allowed"},
    "BODY_TOO_LARGE": {"limit_bytes"},
    "MISDIRECTED_REQUEST": {"host", "setting"},
    "ORIGIN_NOT_ALLOWED": {"origin", "setting"},
    "REQUEST_TIMEOUT": {"seconds"},
    "RATE_LIMITED": {"policy", "limit", "retry_after"},
    "URL_TOO_LONG": {"limit_bytes"},
    "HEADERS_TOO_LARGE": {"most", "limit_bytes"},
    "PRECONDITION_FAILED": {"version"},
}
"""Details of errors that are parameters."""
_CONTEXT = {"min_length", "max_length", "expected", "gt", "ge", "lt", "le"}
"""Parameters of pydantic's errors."""
_IN_ENGLISH_ONLY = {"API_DEPRECATED": {"end"}, "UNKNOWN_FIELD": {"hint"}, "CAPABILITIES": {"fault"}}
"""Parameters that are parts of English sentences, beside one that other languages choose by."""


class _Variables(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802
        self.names.add(node.id.name)


def entries(path: Path) -> list[ast.EntryType]:
    return FluentParser().parse(path.read_text("utf-8")).body


def messages() -> dict[str, ast.Message]:
    return {
        entry.id.name: entry
        for path in FOLDER.glob("*.ftl")
        for entry in entries(path)
        if isinstance(entry, ast.Message)
    }


def variables(node: Any) -> set[str]:
    visitor = _Variables()
    visitor.visit(node)
    return visitor.names


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


MESSAGES = messages()
EMITTED = emitted()
FINDINGS = finding_params()
PAGES = {OF_REPORTS: ENGLISH, post_mortem_texts.OF_POST_MORTEMS: post_mortem_texts.ENGLISH}
REPORT = {f"{prefix}{name}": placeholders(text) for prefix, texts in PAGES.items() for name, text in texts.items()}
PYDANTIC = {f"value-{kind}": _CONTEXT for kind in get_args(ErrorType)}
ERRORS = {code: _DETAILS.get(code, set()) for code in STATUS.keys() - _ENGLISH_ONLY.keys()}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ftl")), ids=lambda path: path.name)
def test_a_file_of_translations_has_no_syntax_error(path: Path) -> None:
    assert [entry for entry in entries(path) if isinstance(entry, ast.Junk)] == []


def test_every_message_that_is_emitted_is_translated() -> None:
    assert (EMITTED.keys() | REPORT.keys() | ERRORS.keys() | CODES.keys()) - MESSAGES.keys() == set()


def test_every_translation_is_of_a_message_that_is_emitted() -> None:
    known = EMITTED.keys() | REPORT.keys() | ERRORS.keys() | CODES.keys() | PYDANTIC.keys()
    assert MESSAGES.keys() - known == set()


@pytest.mark.parametrize("message_id", sorted(MESSAGES.keys() - CODES.keys()))
def test_a_translation_needs_only_parameters_that_are_sent(message_id: str) -> None:
    sent = (REPORT | PYDANTIC | ERRORS | EMITTED)[message_id]
    assert variables(MESSAGES[message_id]) - sent == set()


@pytest.mark.parametrize("message_id", sorted(REPORT.keys() | CODES.keys()))
def test_a_translation_leaves_no_parameter_out(message_id: str) -> None:
    if message_id in CODES:
        sent = placeholders(CODES[message_id].message) | placeholders(CODES[message_id].advice)
        sent -= _IN_ENGLISH_ONLY.get(message_id, set())
    else:
        sent = REPORT[message_id]
    assert sent - variables(MESSAGES[message_id]) == set()


@pytest.mark.parametrize("code", CODES)
def test_a_finding_has_message_and_advice_in_korean(code: str) -> None:
    message = MESSAGES[code]
    english = placeholders(CODES[code].message) | placeholders(CODES[code].advice)
    assert [each.id.name for each in message.attributes] == ["advice"]
    assert message.value is not None
    assert variables(message) - english - FINDINGS.get(code, FINDINGS[""]) == set()


@pytest.mark.parametrize("message_id", sorted(MESSAGES.keys() - {"sla-span", "post-mortem-span", "p95-changed"}))
def test_a_translation_is_korean(message_id: str) -> None:
    text = korean().translate(message_id, dict.fromkeys(variables(MESSAGES[message_id]), "1"))
    assert text is not None
    assert any("가" <= letter <= "힣" for letter in text), text


def test_a_parameter_is_never_read_as_fluent() -> None:
    hostile = "{ $other } { DATETIME() } \n.advice = x\n*[other] \u2068"
    assert (
        korean().translate("TENANT_NOT_FOUND", {"tenant_id": hostile}) == f"테넌트 '{hostile}'을(를) 찾을 수 없습니다"
    )


def test_a_long_parameter_is_cut() -> None:
    text = korean().translate("TENANT_NOT_FOUND", {"tenant_id": "x" * 100_000})
    assert text is not None
    assert len(text) < 2100


def test_a_message_without_its_parameters_is_not_translated() -> None:
    assert korean().translate("TENANT_NOT_FOUND", {}) is None
    assert korean().translate("NO_SUCH_ID", {}) is None
    assert korean().translate("TENANT_NOT_FOUND", {"tenant_id": "x"}, "advice") is None


@pytest.mark.parametrize("text", ["a = b\nnot fluent\n", "a = b\na = c\n"])
def test_a_faulty_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"one\.ftl"):
        Translations("ko", {"one.ftl": text})


def test_an_id_in_two_files_is_refused() -> None:
    with pytest.raises(ValueError, match="a is there twice"):
        Translations("ko", {"one.ftl": "a = b\n", "two.ftl": "a = c\n"})


def test_our_validators_errors_are_pydantic_s() -> None:
    assert issubclass(PydanticCustomError, ValueError), "models outside of pydantic raise them too"
