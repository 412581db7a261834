"""What up means, and what an SLA is, as arithmetic: pure, exact, and without a clock.

The monitor and the simulator both use it, so that of one tenant and period both have the same figure.

promise.py     what was deployed: of each service, k of its n replicas
observing.py   the same, as far as a cluster alone shows it
readiness.py   promise and cluster at one moment: which services are up, down, unknown
history.py     slices of 5 s, and what was observed as runs of equal slices
figures.py     availability, downtime, failures and unknown time of a window; error budget, burn rates
requests.py    availability by good and total requests
"""

from shared.sla.figures import (
    BURN_WINDOWS,
    Budget,
    Failure,
    Figures,
    SlaStatus,
    budget_of,
    burn_rates,
    figures_of,
)
from shared.sla.history import SLICE_SECONDS, AvailabilityHistory, Run, Span, slice_of, slice_start
from shared.sla.observing import Observer
from shared.sla.promise import (
    Need,
    Promise,
    WorkloadKey,
    declared_in,
    in_force,
    lower_of,
    needs_of,
    promise_of,
    services_annotation,
)
from shared.sla.readiness import ServiceState, is_available, service_states

__all__ = [
    "BURN_WINDOWS",
    "SLICE_SECONDS",
    "AvailabilityHistory",
    "Budget",
    "Failure",
    "Figures",
    "Need",
    "Observer",
    "Promise",
    "Run",
    "ServiceState",
    "SlaStatus",
    "Span",
    "WorkloadKey",
    "budget_of",
    "burn_rates",
    "declared_in",
    "figures_of",
    "in_force",
    "is_available",
    "lower_of",
    "needs_of",
    "promise_of",
    "service_states",
    "services_annotation",
    "slice_of",
    "slice_start",
]
