"""Sizing by REST: what it would take, with its reasons, and new requests from use."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.gateway import DEMO, Gateway

CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}


async def calculate(gateway: Gateway, **body: Any) -> Any:
    return await gateway.http.post("/tenants/calculate-resources", json={"service_requirements": CALL_CENTRE} | body)


async def test_each_service_comes_with_its_load_its_deciding_constraint_and_its_reason(gateway: Gateway) -> None:
    body = (await calculate(gateway)).json()
    stt = next(each for each in body["services"] if each["service"] == "stt")
    assert (stt["replicas"], stt["needed"], stt["decided_by"], stt["erlangs"]) == (15, 13, "availability", 300)
    assert stt["reason"].startswith("300 channels, at 26 per replica: 12; 13 so that")
    assert body["cost"]["on_demand"]["krw"] == pytest.approx(body["cost"]["on_demand"]["usd"] * 1400, abs=10)
    assert body["availability"] >= 99.5
    assert body["response_time_p95_ms"] <= 200


async def test_alternatives_are_presets_gpu_types_and_availabilities_with_their_computed_effects(
    gateway: Gateway,
) -> None:
    body = (await calculate(gateway)).json()
    kinds = {each["kind"]: each for each in body["alternatives"]}
    assert set(kinds) == {"preset", "gpu_type", "availability"}
    for each in body["alternatives"]:
        assert each["cost"] == f"${each['monthly_cost_usd']:.0f}/month"
        assert each["availability"] > 98
        assert each["response_time_p95_ms"] > 0
    assert kinds["preset"]["preset"] == "medium"
    assert kinds["preset"]["blocked"] > 0.3


@pytest.mark.parametrize(
    ("body", "status", "code", "problem"),
    [
        ({"service_requirements": {"callbot": -1}}, 422, "VALIDATION_ERROR", "must be from 1 to 1000000 sessions"),
        ({"service_requirements": {"callbot": 10**12}}, 422, "VALIDATION_ERROR", "must be from 1 to 1000000 sessions"),
        ({"service_requirements": {"callbott": 1}}, 422, "VALIDATION_ERROR", "did you mean callbot?"),
        ({"service_requirements": {"callbot": "10 seats"}}, 422, "VALIDATION_ERROR", "integer"),
        ({"sla_target": {"availability": "100%"}}, 422, "VALIDATION_ERROR", "above 0% and below 100%"),
        ({"sla_target": {"response_time": "3 furlongs"}}, 422, "VALIDATION_ERROR", "150ms, 30s, 5m or 1h"),
        ({"sla_target": {"response_time": "5ms"}}, 422, "VALIDATION_ERROR", "a response_time above that is possible"),
        ({"gpu_type": "a100"}, 422, "VALIDATION_ERROR", "have been measured on: t4, l40s, v100"),
        ({"gpu_sharing": "always"}, 422, "VALIDATION_ERROR", "time-slicing"),
        ({"preset": "huge"}, 422, "INVALID_PRESET", "micro, small, medium, large"),
    ],
)
async def test_what_cannot_be_sized_is_refused_with_what_is_possible(
    gateway: Gateway, body: dict[str, Any], status: int, code: str, problem: str
) -> None:
    answer = await calculate(gateway, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert problem in answer.text


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"service_requirements": {"callbot": -1}}, "callbot: 세션 수는 1에서 1000000 사이여야 합니다. 받은 값: -1"),
        ({"service_requirements": {"callbott": 1}}, "혹시 callbot인가요?"),
        ({"service_requirements": {"callbot": "10 seats"}}, "service_requirements.callbot: 정수여야 합니다"),
        ({"sla_target": {"availability": "100%"}}, "0%보다 크고 100%보다 작은 백분율을 쓰세요"),
        ({"sla_target": {"response_time": "3 furlongs"}}, "150ms, 30s, 5m, 1h처럼 양수와 단위를 쓰세요"),
        ({"sla_target": {"response_time": "5ms"}}, "response_time은 이보다 길어야 합니다"),
        ({"gpu_type": "a100"}, "모두 측정된 GPU: t4, l40s, v100"),
        ({"gpu_sharing": "always"}, "가능한 값: 'none', 'time-slicing' or 'mig'"),
        ({"preset": "huge"}, "가능한 값: micro, small, medium, large"),
    ],
)
async def test_the_refusal_is_in_korean_for_a_client_that_prefers_it(
    gateway: Gateway, body: dict[str, Any], problem: str
) -> None:
    request = {"service_requirements": CALL_CENTRE} | body
    answer = await gateway.http.post("/tenants/calculate-resources", json=request, headers={"Accept-Language": "ko"})
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert problem in error["message"]
    assert error["details"]["errors"][0]["message"] in error["message"]


async def test_reasons_warnings_and_alternatives_come_in_the_language_that_was_asked_for(gateway: Gateway) -> None:
    path, request = "/tenants/calculate-resources", {"service_requirements": CALL_CENTRE, "preset": "micro"}
    english, korean = [
        (await gateway.http.post(path, json=request, headers={"Accept-Language": each})).json() for each in ("en", "ko")
    ]
    for where, reason in ((english, "so that"), (korean, "되도록")):
        assert reason in where["services"][3]["reason"]
    assert english["warnings"][0].startswith("Preset micro is laid out for 10 channels")
    assert korean["warnings"][0].startswith("프리셋 micro은(는) 10채널용")
    assert korean["alternatives"][0]["performance_impact"].endswith("절감")
    assert "messages" not in str(english.keys() | english["services"][0].keys() | english["alternatives"][0].keys())
    body = {"tenant_id": "korean", "name": "센터", "deploy": False} | request
    made = await gateway.http.post("/tenants/", json=body, headers={**DEMO, "Accept-Language": "ko"})
    assert made.json()["notes"][0].startswith("프리셋 micro")


async def test_no_number_that_is_none_is_taken_for_one(gateway: Gateway) -> None:
    answer = await gateway.http.post(
        "/tenants/calculate-resources",
        content='{"service_requirements": {"callbot": NaN}}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422


async def test_sharing_and_unmeasured_types_are_used_where_they_are_allowed(gateway: Gateway) -> None:
    shared = (await calculate(gateway, gpu_sharing="time-slicing")).json()
    assert shared["gpus"] == {"t4": 8}
    estimated = (await calculate(gateway, gpu_type="l4", allow_unmeasured=True)).json()
    assert estimated["gpu_type"] == "l4"
    assert any("has not been measured on l4" in each for each in estimated["warnings"])


async def test_new_requests_follow_from_the_use_that_is_sent_and_stand_beside_today_s(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    usage = {"stt": {"cpu_m": [1000.0] * 95 + [3000.0] * 5, "memory_mib": [2000, 4000]}, "callbot": {"ooms": 2}}
    answer = await gateway.http.post(f"/tenants/{name}/recommendation", json={"usage": usage}, headers=DEMO)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    callbot, stt = body["services"]
    assert (stt["cpu_request_m_today"], stt["cpu_request_m"], stt["cpu_limit_m"]) == (4000, 1000, None)
    assert (stt["memory_request_mib"], stt["memory_limit_mib"]) == (4600, 4600)
    assert callbot["memory_limit_mib"] == 4916
    assert body["basis"] == "request"
    assert body["recommended"]["monthly_cost_usd"] < body["today"]["monthly_cost_usd"]


async def test_without_usage_the_monitor_s_samples_are_taken(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    path = f"/tenants/{name}/recommendation"
    nothing = await gateway.http.post(path, headers=DEMO)
    assert nothing.status_code == 422
    assert "there are no measurements" in nothing.text
    unknown = await gateway.http.post("/tenants/unknown/recommendation", headers=DEMO)
    assert unknown.status_code == 404
    await store_samples(gateway, name, cpu=50.0, memory=40.0)
    body = (await gateway.http.post(path, json={}, headers=DEMO)).json()
    assert body["basis"] == "monitoring, 192 h"
    stt = next(each for each in body["services"] if each["service"] == "stt")
    assert (stt["cpu_request_m"], stt["memory_request_mib"]) == (2000, 3769)  # half of 4 cores; 0.4 x 8192 MiB x 1.15


async def store_samples(gateway: Gateway, name: str, **values: float) -> None:
    """What the monitor would have stored, five minutes ago."""
    async with gateway.database.begin() as connection:
        for metric, value in values.items():
            await connection.execute(
                text(
                    "INSERT INTO monitoring_data"
                    " (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)"
                    " SELECT id, :metric, :metric, :value, :time, 'kubernetes' FROM tenants WHERE tenant_id = :name"
                ),
                {"metric": metric, "value": value, "time": datetime.now(UTC) - timedelta(minutes=5), "name": name},
            )
