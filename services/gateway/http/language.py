"""Korean messages by error code. English messages stand in the code that raises them.

A template is filled from the error's details. If a detail is missing, the English message is used.
"""

from collections.abc import Mapping
from typing import Any

from services.gateway.http.request_context import Language

_KOREAN = {
    "TENANT_NOT_FOUND": "테넌트 '{tenant_id}'을(를) 찾을 수 없습니다",
    "TENANT_ALREADY_EXISTS": "동일한 ID의 테넌트가 이미 존재합니다: {tenant_id} (상태: {existing_status})",
    "INSUFFICIENT_RESOURCES": "'{target}'에 테넌트 '{tenant_id}'을(를) 위한 자원이 부족합니다. 부족한 자원은 details를 "
    "확인하세요. options.wait_for_capacity를 true로 하면 자원이 생길 때까지 기다립니다",
    "DEPLOYMENT_NOT_FOUND": "배포 '{deployment_id}'을(를) 찾을 수 없습니다",
    "INVALID_PRESET": "알 수 없는 프리셋입니다. details를 확인하세요",
    "INVALID_MODE": "X-Demo-Mode는 true 또는 false여야 합니다",
    "VALIDATION_ERROR": "요청이 올바르지 않습니다. details.errors의 항목을 고쳐서 다시 보내세요",
    "WORKER_UNAVAILABLE": "작업자 '{dependency}'가 응답하지 않습니다. 잠시 후 다시 시도하세요",
    "DATABASE_ERROR": "데이터베이스를 사용할 수 없습니다. 잠시 후 다시 시도하세요",
    "MONITORING_UNAVAILABLE": "모니터링 서비스를 사용할 수 없습니다. 잠시 후 다시 시도하세요",
    "DEPENDENCY_UNAVAILABLE": "'{dependency}'을(를) 사용할 수 없습니다. 잠시 후 다시 시도하세요",
    "NOT_FOUND": "요청한 경로가 없습니다",
    "METHOD_NOT_ALLOWED": "이 경로에서 사용할 수 없는 메서드입니다. 허용: {allowed}",
    "BODY_TOO_LARGE": "요청 본문이 너무 큽니다. 최대 {limit_bytes}바이트입니다",
    "UNSUPPORTED_MEDIA_TYPE": "Content-Type은 application/json이어야 합니다",
    "MISDIRECTED_REQUEST": "'{host}'은(는) 이 서비스의 이름이 아닙니다. 이름이 맞다면 {setting}에 추가하세요",
    "ORIGIN_NOT_ALLOWED": "'{origin}'의 페이지는 이 서비스를 사용할 수 없습니다. 허용하려면 {setting}에 추가하세요",
    "REQUEST_TIMEOUT": "{seconds}초 안에 요청 본문이 모두 도착하지 않았습니다. 더 빠르게 또는 나누어서 다시 보내세요",
    "OVERLOADED": "지금은 요청이 너무 많습니다. 잠시 후 다시 시도하세요",
    "INTERNAL": "서버 내부 오류입니다. request_id로 로그를 확인하세요",
    "sla_violated": "최근 30일의 오류 예산을 모두 썼습니다. 허용된 중단 시간을 {over}% 초과했습니다",
    "error_budget_burn": "오류 예산이 허용 속도의 {rate}배로 소진되고 있습니다 ({windows})",
    "service_down": "서비스가 중단되었습니다: {services}",
    "monitoring_missing": "{minutes}분 동안 관측된 것이 없어 가동 여부를 알 수 없습니다",
    "deletion-started": "테넌트 삭제가 시작되었습니다",
}


_PYDANTIC = {
    "missing": "필수 항목입니다",
    "int_type": "정수여야 합니다",
    "int_parsing": "정수여야 합니다",
    "int_from_float": "정수여야 합니다",
    "float_type": "숫자여야 합니다",
    "float_parsing": "숫자여야 합니다",
    "finite_number": "유한한 숫자여야 합니다",
    "bool_type": "true 또는 false여야 합니다",
    "bool_parsing": "true 또는 false여야 합니다",
    "string_type": "문자열이어야 합니다",
    "string_too_short": "{min_length}자 이상이어야 합니다",
    "string_too_long": "{max_length}자 이하여야 합니다",
    "dict_type": "객체여야 합니다",
    "model_attributes_type": "객체여야 합니다",
    "list_type": "목록이어야 합니다",
    "literal_error": "가능한 값: {expected}",
    "greater_than": "{gt}보다 커야 합니다",
    "greater_than_equal": "{ge} 이상이어야 합니다",
    "less_than": "{lt}보다 작아야 합니다",
    "less_than_equal": "{le} 이하여야 합니다",
    "too_short": "{min_length}개 이상이어야 합니다",
    "too_long": "{max_length}개 이하여야 합니다",
}
"""By pydantic's error type, for its own checks."""
_SHOWN = 5
_ENDING = "_ko"


def korean_of_pydantic(error: Mapping[str, Any]) -> str | None:
    """The Korean message of a pydantic error, or None if there is only an English one."""
    context = error.get("ctx", {})
    if own := getattr(context.get("error"), "ko", None):
        return str(own)
    template = _PYDANTIC.get(error["type"])
    return template.format_map(context) if template else None


def chosen(value: Any, language: Language) -> Any:
    """JSON-like data in `language`: for Korean, each `x` that has an `x_ko` beside it gets its value. `x_ko` stays."""
    if language != "ko":
        return value
    if isinstance(value, Mapping):
        inside = {key: chosen(each, language) for key, each in value.items()}
        return inside | {
            key.removesuffix(_ENDING): each for key, each in inside.items() if key.endswith(_ENDING) and each
        }
    return [chosen(each, language) for each in value] if isinstance(value, list | tuple) else value


def sentence(code: str, english: str, details: Mapping[str, Any], language: Language) -> str:
    """An error's message in `language`.

    In Korean it lists the single problems if each of them has a Korean message; otherwise it is the code's message.
    """
    errors = details.get("errors")
    if language == "ko" and isinstance(errors, list) and errors and all(each.get("message_ko") for each in errors):
        if len(errors) == 1 and not english.startswith(f"{errors[0]['field']}: "):
            return str(errors[0]["message_ko"])
        listed = "; ".join(f"{each['field']}: {each['message_ko']}" for each in errors[:_SHOWN])
        return listed + (f" (외 {len(errors) - _SHOWN}건)" if len(errors) > _SHOWN else "")
    return translate(code, english, details, language)


def translate(code: str, english: str, details: Mapping[str, Any], language: Language) -> str:
    """The message of `code` in `language`, or `english` if there is no translation."""
    template = _KOREAN.get(code) if language == "ko" else None
    if template is None:
        return english
    try:
        return template.format_map(details)
    except (KeyError, ValueError):
        return english
