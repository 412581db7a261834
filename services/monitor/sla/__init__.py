"""What an SLA is, as arithmetic: pure, exact, and without a clock. A rehearsal's history goes through the same.

history.py    slices of 5 s, and what was observed as runs of equal slices
figures.py    availability, downtime, failures and unknown time of a window; error budget, burn rates
periods.py    days, weeks and months in a time zone, rolling windows, and their parts
requests.py   the same question asked of good and total requests
"""

from services.monitor.sla.figures import (
    BURN_WINDOWS,
    Budget,
    Failure,
    Figures,
    Status,
    budget_of,
    burn_rates,
    figures_of,
)
from services.monitor.sla.history import SLICE_SECONDS, History, Run, Span, slice_of, slice_start
from services.monitor.sla.periods import Period, UnknownPeriod, read_period
from services.monitor.sla.requests import LOW_TRAFFIC, Requests, requests_of

__all__ = [
    "BURN_WINDOWS",
    "LOW_TRAFFIC",
    "SLICE_SECONDS",
    "Budget",
    "Failure",
    "Figures",
    "History",
    "Period",
    "Requests",
    "Run",
    "Span",
    "Status",
    "UnknownPeriod",
    "budget_of",
    "burn_rates",
    "figures_of",
    "read_period",
    "requests_of",
    "slice_of",
    "slice_start",
]
