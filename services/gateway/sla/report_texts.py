"""The texts of SLA reports: English by name; other languages are in the translations, under `sla-<name>`. Pure."""

from services.gateway.http.language import Translator
from services.gateway.http.page_texts import DURATIONS, PageTexts

ENGLISH = DURATIONS | {
    "title": "SLA report: {name}",
    "day": "day",
    "week": "week",
    "month": "month",
    "last-day": "the last 24 hours",
    "last-week": "the last 7 days",
    "last-month": "the last 30 days",
    "last-period": "the last {period}",
    "span": "{start} to {end} ({zone})",
    "reported": "reported {time}",
    "availability": "Availability",
    "target": "Target",
    "budget-left": "Error budget left",
    "failures": "Failures",
    "downtime": "Downtime",
    "unobserved": "Unknown",
    "mttr": "MTTR",
    "mtbf": "MTBF",
    "requests": "Requests",
    "failed-requests": "Failed requests",
    "error-budget": "Error budget",
    "burn-rates": "Burn rates",
    "services": "Services",
    "maintenance": "Planned maintenance (doesn't count)",
    "date": "Date",
    "signature": "Signature",
    "from": "From",
    "to": "To",
    "seen-down": "Seen down",
    "goes-on": "goes on",
    "latest-failures": "Failures, the latest first",
    "no-failures": "None was seen.",
    "service": "Service",
    "status": "Status",
    "reason": "Reason",
    "no-services": "Nothing is known of single services.",
    "meeting": "target met",
    "violated": "target missed",
    "unknown": "unknown",
    "budget-spent": "{allowed} of downtime allowed, {spent} spent.",
    "budget-used-up": "It was used up on {time}.",
    "budget-will-be-used-up": "As in the last day, it will be used up on {time}.",
    "budget-lasts": "As in the last day, it lasts.",
    "burn-rate-of-one": "At 1 the budget lasts just as long as the period.",
    "availability-by-part": "Availability by part",
    "part-up": "up, target met",
    "part-below-target": "below the target",
    "part-unobserved": "not observed",
    "part-maintenance": "planned maintenance",
    "part": "{time}: {availability}, {unknown} not observed",
    "failures-left-out": "{count} earlier ones are left out.",
    "nothing-known": "Nothing is known of the period: the tenant wasn't up before its end.",
    "partly-unobserved": "{share} % of the time wasn't observed: it counts neither as up nor as down.",
    "no-requests": "No requests were counted.",
    "few-requests": "Too few requests to judge by.",
    "not-ended": "The period hasn't ended yet.",
}
OF_REPORTS = "sla-"
"""The beginning of a report's message ids."""
_ROLLING = {"day": "last-day", "week": "last-week", "month": "last-month"}


class ReportTexts(PageTexts):
    """The texts of one language."""

    def __init__(self, translator: Translator) -> None:
        super().__init__(translator, ENGLISH, OF_REPORTS)

    def period(self, name: str, *, rolling: bool) -> str:
        """The name of a period: `month`, or `the last 30 days` if it is rolling."""
        if not rolling:
            return self(name)
        return self(_ROLLING[name]) if name in _ROLLING else self("last-period", period=name)
