"""The texts of post-mortems: English by name; other languages are under `post-mortem-<name>`. Pure."""

from services.gateway.http.language import Translator
from services.gateway.http.page_texts import DURATIONS, PageTexts

OF_POST_MORTEMS = "post-mortem-"
"""The beginning of a post-mortem's message ids."""
ENGLISH = DURATIONS | {
    "title": "Post-mortem: {title}",
    "span": "{start} to {end} ({zone})",
    "goes-on": "now",
    "severity": "Severity",
    "critical": "critical",
    "warning": "warning",
    "info": "info",
    "status": "Status",
    "open": "open",
    "acknowledged": "acknowledged",
    "closed": "closed",
    "duration": "Duration",
    "acknowledged-after": "Acknowledged after",
    "never": "never",
    "downtime": "Downtime",
    "downtime-since": "since {time}",
    "unobserved": "Not observed",
    "in-maintenance": "Planned maintenance",
    "budget": "Error budget spent",
    "budget-of": "of {minutes} min in 30 days at {target} %",
    "assignee": "Assigned to",
    "unassigned": "no one",
    "merged": "It was merged into {other}, which has the same cause.",
    "what-fired": "What fired",
    "no-alerts": "No alert: it was opened by hand.",
    "alert": "Alert",
    "summary": "Summary",
    "first": "First",
    "last": "Last",
    "resolved": "Resolved",
    "fires": "fires",
    "firings": "Firings",
    "told": "Notified",
    "told-yes": "yes",
    "told-muted": "no: {by}",
    "told-inhibited": "no: explained by another alert",
    "alerts-left-out": "{count} more alerts are left out.",
    "what-was-done": "What was done to the tenant",
    "nothing-done": "Nothing, in the half hour before or during the incident.",
    "operation": "Operation",
    "requested": "Requested",
    "finished": "Finished",
    "result": "Result",
    "timeline": "Timeline",
    "lines-left-out": "{count} earlier lines are left out.",
    "time": "Time",
    "who": "By",
    "event": "Event",
    "itself": "ECP",
    "root-cause": "Root cause",
    "went-well": "What went well",
    "went-badly": "What went badly",
    "follow-up": "Follow-up, with owner and date",
    "date": "Date",
    "signature": "Signature",
}


class PostMortemTexts(PageTexts):
    """The texts of one language."""

    def __init__(self, translator: Translator) -> None:
        super().__init__(translator, ENGLISH, OF_POST_MORTEMS)
