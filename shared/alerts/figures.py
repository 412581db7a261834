"""What a condition may compare: stored metrics, and figures that the monitor works out, with their units. Pure.

A metric is written as it is posted: `cpu_usage` is `cpu`, as everywhere. A figure's name wins over a stored metric's.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from shared.messages import Sentence, sentence

Unit = Literal["percent", "milliseconds", "seconds", "minutes", "number"]
BURN_RATES = tuple(f"burn_rate_{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d"))
AVAILABILITY, BUDGET_LEFT = "availability", "error_budget_left"
SERVICES_DOWN, UNOBSERVED = "services_down", "minutes_unobserved"
_USAGE = "_usage"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A metric or figure: its unit, and whether its values lie between 0 and 100 and fill that range."""

    name: str
    unit: Unit = "number"
    is_share: bool = False
    is_figure: bool = False


_METRICS = (
    *(Quantity(name, "percent", is_share=True) for name in ("cpu", "memory", "gpu", "storage")),
    # A rate of errors is often below 1 %, so its thresholds are too.
    Quantity("error_rate", "percent"),
    Quantity("response_time", "milliseconds"),
    *(Quantity(name) for name in ("network_in", "network_out", "network_rps", "storage_used")),
    *(Quantity(name) for name in ("request_count", "error_count", "pods_ready", "pods_wanted", "available")),
)
_FIGURES = (
    Quantity(AVAILABILITY, "percent", is_share=True, is_figure=True),
    Quantity(BUDGET_LEFT, "percent", is_figure=True),
    *(Quantity(name, is_figure=True) for name in BURN_RATES),
    Quantity(SERVICES_DOWN, is_figure=True),
    Quantity(UNOBSERVED, "minutes", is_figure=True),
)
QUANTITIES = {each.name: each for each in (*_METRICS, *_FIGURES)}
"""Those that are known without a stored sample, by name."""
FIGURES = frozenset(each.name for each in _FIGURES)


def stored_name(name: str) -> str:
    """The name that a metric is stored with: `cpu_usage` becomes `cpu`, upper case becomes lower case."""
    return name.lower().removesuffix(_USAGE)


def quantity(name: str) -> Quantity:
    """The quantity with a stored name; one that isn't known here is a plain number."""
    return QUANTITIES.get(name) or Quantity(name)


def unknown_quantity(name: str, stored: frozenset[str]) -> Sentence | None:
    """Why a tenant has no such quantity, with the closest one that it has; None if it has it."""
    if name in QUANTITIES or name in stored:
        return None
    known = [*QUANTITIES, *sorted(stored - QUANTITIES.keys())]
    names = ", ".join(known)
    if close := get_close_matches(name, known, n=1):
        english = "unknown metric {found}; did you mean {close}? Known: {known}"
        return sentence("metric-misspelt", english, found=repr(name), close=close[0], known=names)
    return sentence("metric-unknown", "unknown metric {found}; known: {known}", found=repr(name), known=names)
