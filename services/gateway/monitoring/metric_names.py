"""Which metrics a tenant can be asked for: the documented ones, and those that were stored for it. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

from shared.messages import Sentence, sentence

DOCUMENTED = (
    *("cpu", "memory", "gpu", "network", "storage"),
    *(
        "network_in",
        "network_out",
        "storage_used",
        "request_count",
        "response_time",
        "error_rate",
        "availability",
        "sla",
    ),
)
"""The documented values of `metric_type`, and the names of the documented measurements."""


def unknown_metric(name: str, stored: Iterable[str]) -> Sentence | None:
    """Why a tenant has no such metric, with the closest name that it has; None if it may have it.

    `network` stands for all names that begin with `network_`.
    """
    known = list(dict.fromkeys((*DOCUMENTED, *stored)))
    if any(each == name or each.startswith(f"{name}_") for each in known):
        return None
    names = ", ".join(known)
    close = get_close_matches(name, known, n=1)
    if not close:
        return sentence("metric-unknown", "unknown metric {found}; known: {known}", found=repr(name), known=names)
    english = "unknown metric {found}; did you mean {close}? Known: {known}"
    return sentence("metric-misspelt", english, found=repr(name), close=close[0], known=names)
