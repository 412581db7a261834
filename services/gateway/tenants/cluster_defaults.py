"""The specification of a tenant with the operator's defaults of its target. Pure.

What is stored is the tenant's own choice; the defaults are filled in for each deployment, manifest and check for room,
so that a changed default takes effect with the next deployment.
"""

from collections.abc import Iterator, Mapping

from shared.choices import ClusterOptions
from shared.events import DeployOptions
from shared.messages import Sentence, sentence
from shared.tenants import TenantSpec


def with_defaults(spec: TenantSpec, defaults: Mapping[str, ClusterOptions], target: str) -> TenantSpec:
    """`spec` as it is deployed to `target`."""
    if target not in defaults:
        return spec
    return spec.model_copy(update={"cluster_options": spec.cluster_options.over(defaults[target])})


def unused_choices(spec: TenantSpec, options: DeployOptions) -> Iterator[Sentence]:
    """Choices that have no effect with these options."""
    if spec.cluster_options.ingress != ClusterOptions().ingress and not options.include_ingress:
        english = "cluster_options.ingress has no effect without options.include_ingress"
        yield sentence("ingress-not-included", english)
