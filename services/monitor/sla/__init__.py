"""What a report of an SLA needs besides `shared.sla`: pure, exact, and without a clock.

periods.py    days, weeks and months in a time zone, rolling windows, and their parts
requests.py   the same question asked of good and total requests
"""

from services.monitor.sla.periods import Period, UnknownPeriod, read_period
from services.monitor.sla.requests import LOW_TRAFFIC, Requests, requests_of

__all__ = ["LOW_TRAFFIC", "Period", "Requests", "UnknownPeriod", "read_period", "requests_of"]
