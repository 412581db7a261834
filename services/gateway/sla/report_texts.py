"""The texts of SLA reports in English and Korean. English texts stand in the code, Korean ones here."""

from typing import Any

from services.gateway.http.request_context import Language

_KOREAN = {
    "SLA report: {name}": "SLA 보고서: {name}",
    "day": "일간",
    "week": "주간",
    "month": "월간",
    "the last 24 hours": "최근 24시간",
    "the last 7 days": "최근 7일",
    "the last 30 days": "최근 30일",
    "the last {period}": "최근 {period}",
    "{start} to {end} ({zone})": "{start} ~ {end} ({zone})",
    "reported {time}": "{time} 작성",
    "Availability": "가용성",
    "Target": "목표",
    "Error budget left": "남은 오류 예산",
    "Failures": "장애 횟수",
    "Downtime": "중단 시간",
    "Unknown": "관측되지 않은 시간",
    "MTTR": "평균 복구 시간 (MTTR)",
    "MTBF": "평균 장애 간격 (MTBF)",
    "Requests": "요청 수",
    "Failed requests": "실패한 요청 수",
    "Error budget": "오류 예산",
    "Burn rates": "소진 속도",
    "Services": "서비스별",
    "Planned maintenance (doesn't count)": "계획된 점검 (집계에서 제외)",
    "Date": "날짜",
    "Signature": "서명",
    "From": "시작",
    "To": "종료",
    "Seen down": "관측된 중단",
    "goes on": "진행 중",
    "Failures, the latest first": "장애 내역 (최근 순)",
    "None was seen.": "관측된 장애가 없습니다.",
    "Service": "서비스",
    "Status": "상태",
    "Reason": "사유",
    "Nothing is known of single services.": "개별 서비스에 대해 관측된 것이 없습니다.",
    "target met": "목표 충족",
    "target missed": "목표 미달",
    "unknown": "알 수 없음",
    "{allowed} of downtime allowed, {spent} spent.": "허용된 중단 {allowed} 중 {spent}을 썼습니다.",
    "It was used up on {time}.": "{time}에 모두 소진되었습니다.",
    "As in the last day, it will be used up on {time}.": "최근 하루와 같은 속도라면 {time}에 소진됩니다.",
    "As in the last day, it lasts.": "최근 하루와 같은 속도라면 기간 끝까지 남습니다.",
    "At 1 the budget lasts just as long as the period.": "1이면 예산이 기간 끝에 정확히 소진됩니다.",
    "Availability by part": "구간별 가용성",
    "up, target met": "목표 충족",
    "below the target": "목표 미달",
    "not observed": "관측되지 않음",
    "planned maintenance": "계획된 점검",
    "{time}: {availability}, {unknown} not observed": "{time}: {availability}, 관측되지 않음 {unknown}",
    "{count} earlier ones are left out.": "이전 장애 {count}건은 생략했습니다.",
    "Nothing is known of the period: the tenant wasn't up before its end.": (
        "이 기간에 대해 알려진 것이 없습니다. 기간이 끝나기 전에 가동된 적이 없습니다."
    ),
    "{share} % of the time wasn't observed: it counts neither as up nor as down.": (
        "전체 시간의 {share}%는 관측되지 않았습니다. 가동으로도 중단으로도 집계하지 않습니다."
    ),
    "No requests were counted.": "집계된 요청이 없습니다.",
    "Too few requests to judge by.": "요청이 너무 적어 판단할 수 없습니다.",
    "The period hasn't ended yet.": "기간이 아직 끝나지 않았습니다.",
}
_ROLLING = {"day": "the last 24 hours", "week": "the last 7 days", "month": "the last 30 days"}
_STATUS = {"meeting": "target met", "violated": "target missed", "unknown": "unknown"}
_UNITS = {"en": (" d", " h", " min", " s"), "ko": ("일", "시간", "분", "초")}
_SECONDS = (86_400, 3600, 60, 1)


class ReportTexts:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, english: str, **values: Any) -> str:
        """The text in this language, with `values` filled in."""
        template = _KOREAN[english] if self.language == "ko" else english
        return template.format(**values)

    def period(self, name: str, *, rolling: bool) -> str:
        """The name of a period: `month`, or `the last 30 days` if it is rolling."""
        if not rolling:
            return self(name)
        return self(_ROLLING[name]) if name in _ROLLING else self("the last {period}", period=name)

    def status(self, status: str) -> str:
        """The name of an SLA status."""
        return self(_STATUS[status])

    def duration(self, seconds: float | None) -> str:
        """`3 d 4 h`, `12 min 5 s`: the two largest units."""
        if seconds is None:
            return "–"
        shown = []
        left = round(seconds)
        for unit, length in zip(_UNITS[self.language], _SECONDS, strict=True):
            count, left = divmod(left, length)
            if count:
                shown.append(f"{count}{unit}")
        return " ".join(shown[:2]) or f"0{_UNITS[self.language][-1]}"

    def percent(self, value: float | None) -> str:
        """Truncated, not rounded: 99.9996 is not 100."""
        return self("unknown") if value is None else f"{int(value * 1000) / 1000:.3f} %"
