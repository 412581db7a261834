"""The specification of a tenant with the operator's defaults of its target. Pure.

What is stored is the tenant's own choice; the defaults are filled in for each deployment, manifest and check for room,
so that a changed default takes effect with the next deployment.
"""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from services.gateway.http.errors import invalid
from shared.choices import ClusterOptions
from shared.choices.cluster import LONGEST_METADATA, MOST_ENTRIES
from shared.events import DeployOptions
from shared.messages import Sentence, sentence
from shared.tenants import TenantSpec


def with_defaults(spec: TenantSpec, defaults: Mapping[str, ClusterOptions], target: str) -> TenantSpec:
    """`spec` as it is deployed to `target`. Raises Refused if labels and annotations of both are too many."""
    if target not in defaults:
        return spec
    options = spec.cluster_options.over(defaults[target])
    _check(options, target)
    return spec.model_copy(update={"cluster_options": options})


def unused_choices(spec: TenantSpec, options: DeployOptions) -> Iterator[Sentence]:
    """Choices that have no effect with these options."""
    if spec.cluster_options.ingress != ClusterOptions().ingress and not options.include_ingress:
        english = "cluster_options.ingress has no effect without options.include_ingress"
        yield sentence("ingress-not-included", english)


def _check(options: ClusterOptions, target: str) -> None:
    """What both have is valid by itself, so that only the sum can be too much."""
    try:
        ClusterOptions.model_validate(options.model_dump())
    except ValidationError as error:
        english = (
            "with the defaults of target {target} there are more than {most} labels or annotations, or {longest} "
            "characters of them; leave some out"
        )
        reason = sentence("labels-above-limit", english, target=target, most=MOST_ENTRIES, longest=LONGEST_METADATA)
        raise invalid("cluster_options", reason) from error
