"""What a tenant chose of a service's replicas, in the place of the sized number.

With fewer replicas than the load needs, none is spare: all that there are must be available, and what is missing shows
as blocking and waiting instead of as downtime.
"""

from dataclasses import dataclass, replace

from services.calculator.sizing.dimensioning import Dimension
from shared.choices import ServiceOptions

CHOSEN = "chosen"
"""The constraint that decides where a tenant chose the number itself."""


@dataclass(frozen=True, slots=True)
class ReplicaChoice:
    """The replicas that a tenant chose for one service. None: sized."""

    at_rest: int | None = None
    most: int | None = None
    autoscaled: bool | None = None
    """None: as in the catalogue."""


def replica_choice(options: ServiceOptions | None) -> ReplicaChoice:
    """The choice in a service's options."""
    if options is None:
        return ReplicaChoice()
    scaling = options.autoscaling
    return ReplicaChoice(
        at_rest=options.fixed_replicas,
        most=scaling.max_replicas if scaling else None,
        autoscaled=scaling.enabled if scaling else None,
    )


def as_chosen(sized: Dimension, choice: ReplicaChoice) -> Dimension:
    """The dimension with the chosen number of replicas, or `sized` itself if nothing is chosen that changes it."""
    replicas = choice.at_rest or min(sized.replicas, choice.most or sized.replicas)
    if choice.at_rest is None and replicas == sized.replicas:
        return sized
    return replace(
        sized,
        replicas=replicas,
        needed=min(sized.needed, replicas),
        constraints={**sized.constraints, CHOSEN: replicas},
        decided_by=CHOSEN if replicas != sized.replicas else sized.decided_by,
        sized=sized,
    )
