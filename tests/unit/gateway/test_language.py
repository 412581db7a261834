"""Texts in the language of a request; what can't be translated stays English."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.http import request_context
from services.gateway.http.errors import conflict, error_body, invalid
from services.gateway.http.language import Translator
from services.gateway.http.middleware import RequestScope
from services.gateway.http.problems import refusal
from services.gateway.http.request_context import RequestContext
from services.gateway.http.responses import error_response
from services.gateway.manifests.schemas import answer_of
from services.gateway.tenants.sizing_schemas import CalculatedResources
from shared.errors import EcpError, Refused
from shared.events import TenantCreated
from shared.examples import SIZING, SPEC
from shared.messages import Message, problem, sentence
from shared.rpc import Finding, ResourceSummary, RpcError, ValidateReply
from shared.sizing import Sizing
from shared.tenants import SlaTarget, parse_duration
from tests.support.asgi import call

COST = sentence("cost-changed", "${amount} {direction} a month", amount=5, direction="more")
KNOWN = Message(id="cost-unchanged")
UNKNOWN = Message(id="from-a-newer-worker")


def korean_error(error: EcpError) -> dict[str, Any]:
    with request_context.requesting(RequestContext("r", language="ko")):
        body: dict[str, Any] = error_body(error)["error"]
    return body


def test_a_sentence_is_in_the_language_of_the_request() -> None:
    assert Translator("ko").text(*COST) == "월 $5 증가"
    assert Translator("en").text(*COST) == "$5 more a month"


def test_a_sentence_of_several_parts_is_translated_if_all_of_them_are() -> None:
    assert Translator("ko").text("english", KNOWN, COST.message) == "비용 동일; 월 $5 증가"
    assert Translator("ko").text("english", KNOWN, UNKNOWN) == "english"
    assert Translator("ko").text("english") == "english"


def test_the_languages_of_the_texts_are_collected() -> None:
    texts = Translator("ko")
    assert texts.used == set()
    texts.text("english", KNOWN)
    assert texts.used == {"ko"}
    texts.text("english", UNKNOWN)
    assert texts.used == {"ko", "en"}


def test_an_error_without_its_details_stays_english() -> None:
    assert Translator("ko").error("TENANT_NOT_FOUND", "english", {}) == "english"
    assert Translator("ko").error("CONFLICT", "english", {}) == "english"
    assert Translator("en").error("TENANT_NOT_FOUND", "english", {"tenant_id": "x"}) == "english"
    assert "'x'" in Translator("ko").error("TENANT_NOT_FOUND", "english", {"tenant_id": "x"})


def test_the_problems_of_an_error_are_listed_in_korean_without_their_ids() -> None:
    first, second = problem("a", COST), problem("b", sentence("cost-unchanged", "the same cost"))
    error = korean_error(Refused("a: $5 more a month; b: the same cost", details={"errors": [first, second], "c": 1}))
    assert error["message"] == "a: 월 $5 증가; b: 비용 동일"
    errors = [{"field": "a", "message": "월 $5 증가"}, {"field": "b", "message": "비용 동일"}]
    assert error["details"] == {"errors": errors, "c": 1}
    many = korean_error(Refused("...", details={"errors": [first] * 7}))
    assert many["message"].endswith("; a: 월 $5 증가 (외 2건)")


def test_one_problem_without_a_translation_leaves_the_message_to_the_code() -> None:
    plain = {"field": "b", "message": "plain"}
    error = korean_error(Refused("...", details={"errors": [problem("a", COST), plain]}))
    assert error["message"].startswith("요청이 올바르지 않습니다")
    assert [each["message"] for each in error["details"]["errors"]] == ["월 $5 증가", "plain"]


def test_a_conflict_is_translated_by_its_own_id() -> None:
    error = korean_error(conflict("tenant-just-deleted", "gone", tenant_id="acme"))
    assert (error["code"], error["message"]) == ("CONFLICT", "테넌트 'acme'이(가) 방금 삭제되었습니다. 다시 시도하세요")


def test_a_window_that_does_not_exist_is_not_a_path_that_does_not_exist() -> None:
    window = Refused("no window 7", code="NOT_FOUND", message_id="window-not-found", details={"window": 7})
    assert korean_error(window)["message"].startswith("취소할 점검 7이(가) 없습니다")
    assert korean_error(Refused("no such path", code="NOT_FOUND"))["message"] == "요청한 경로가 없습니다"


class _Model(BaseModel):
    number: int
    target: SlaTarget


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"number": "x"}, "number", "정수여야 합니다"),
        ({"target": {"response_time": "soon"}}, "target.response_time", "'soon'은(는) 시간이 아닙니다"),
        ({"target": {"availability": "much"}}, "target.availability", "'much'은(는) 가용성이 아닙니다"),
        ({"target": {"time_zone": "Mars"}}, "target.time_zone", "'Mars'은(는) 시간대가 아닙니다"),
    ],
)
def test_errors_of_pydantic_are_translated_by_type(fields: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ValidationError) as found:
        _Model.model_validate({"number": 1, "target": {}} | fields)
    refused = refusal([{**each, "loc": ("body", *each["loc"])} for each in found.value.errors()])
    [entry] = korean_error(refused)["details"]["errors"]
    assert (entry["field"], entry["message"].startswith(message)) == (field, True)
    assert "Value error" not in refused.message


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match="not a duration") as found:
        parse_duration("9" * 100_000)
    assert len(str(found.value)) < 200


async def test_an_answer_names_the_language_of_its_texts() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await error_response(invalid("a", COST))(scope, receive, send)

    for wanted, language in ((b"ko", b"ko"), (b"fr", b"en")):
        [start, _] = await call(RequestScope(app), headers=[(b"accept-language", wanted)])
        headers = dict(start["headers"])
        assert (headers[b"content-language"], headers[b"vary"]) == (language, b"Accept-Language")


async def test_an_answer_without_texts_names_no_language() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    [start, _] = await call(RequestScope(app), headers=[(b"accept-language", b"ko")])
    assert b"content-language" not in dict(start["headers"])


def test_the_sizing_of_an_older_calculator_is_answered_in_english() -> None:
    """A row, an event or a reply from before: it has `*_ko` fields and no messages."""
    old = SIZING.model_dump(mode="json")
    for each in (*old["services"], *old["alternatives"]):
        each.pop("reason_messages", None)
        each["reason_ko"] = "이유"
    old |= {"warnings": ["a warning"], "warnings_ko": ["경고"]}
    old.pop("warning_messages")
    sizing = Sizing.model_validate(old)
    answer = CalculatedResources.model_validate(Translator("ko").translated(sizing.model_dump()))
    body = answer.model_dump()
    assert (body["warnings"], body["services"][0]["reason"]) == (["a warning"], SIZING.services[0].reason)
    assert "경고" not in str(body)
    assert "messages" not in str(body)


def test_an_event_of_an_older_calculator_is_read() -> None:
    sizing = SIZING.model_dump(mode="json") | {"warnings": ["a warning"], "warnings_ko": ["경고"]}
    old = {"tenant_id": "acme", "sizing": sizing, "spec": SPEC.model_dump(mode="json")}
    event = TenantCreated.model_validate_json(json.dumps(old))
    assert event.sizing is not None
    assert (event.sizing.warnings, event.sizing.warning_messages) == (("a warning",), ())
    assert "_ko" not in event.model_dump_json()


def test_the_reply_of_an_older_manifest_service_is_answered_in_english() -> None:
    old = {"code": "EMPTY_MANIFEST", "severity": "error", "object": "", "pointer": "", "message": "The text.",
           "message_ko": "문장", "advice": "Do it.", "advice_ko": "조언"}  # fmt: skip
    finding = Finding.model_validate(old | {"code": "KIND_CUSTOM"})
    summary = ResourceSummary(total_cpu="0m", total_memory="0Gi", total_gpu=0, estimated_pods=0, estimated_cost="$0")
    reply = ValidateReply(
        valid=False, kubernetes_version="1.33.0", findings=(finding,), resource_summary=summary, deployment_time="0"
    )
    texts = Translator("ko")
    [answered] = answer_of(reply, texts).findings
    assert (answered.message, texts.used) == ("The text.", {"en", "ko"}), "the advice has no parameters"
    assert "params" not in answered.model_dump()


def test_an_error_of_an_older_worker_is_read() -> None:
    old = {"code": "VALIDATION_ERROR", "message": "a: b", "details": {"errors": [{"field": "a", "message": "b", "message_ko": "ㄴ"}]}}  # fmt: skip  # noqa: E501
    read = RpcError.model_validate(old)
    error = korean_error(Refused(read.message, code=read.code, details=read.details, message_id=read.message_id))
    assert error["details"]["errors"] == [{"field": "a", "message": "b"}]


def test_what_is_answered_is_described_without_messages() -> None:
    schema = str(CalculatedResources.model_json_schema(mode="serialization"))
    assert "messages" not in schema
    assert "reason" in schema
