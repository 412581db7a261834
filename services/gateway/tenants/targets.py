"""Which target a tenant is deployed to. Pure."""

from dataclasses import dataclass

from services.gateway.http.errors import conflict, invalid
from shared.kube.targets import KUBERNETES, SIMULATOR
from shared.messages import Sentence, sentence
from shared.subjects import Mode


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """The targets of one mode. Demo tenants are only deployed to the simulator."""

    mode: Mode
    has_kubernetes: bool
    """Whether production has a cluster of its own."""

    @property
    def possible(self) -> tuple[str, ...]:
        """All targets, the default first."""
        if self.mode is Mode.PRODUCTION and self.has_kubernetes:
            return (KUBERNETES, SIMULATOR)
        return (SIMULATOR,)

    @property
    def default(self) -> str:
        return self.possible[0]

    def choose(self, requested: str | None, bound_to: str | None = None) -> tuple[str, list[Sentence]]:
        """The target of a deployment, and notes on the choice. `bound_to` is the target of earlier deployments.

        Raises Refused for a target that doesn't exist in this mode, or that isn't the tenant's.
        """
        if requested is not None and requested not in self.possible:
            possible = ", ".join(self.possible)
            english = "{target} is not known in {mode} mode; possible: {possible}"
            raise invalid(
                "target",
                sentence("target-unknown", english, target=repr(requested), mode=self.mode.value, possible=possible),
            )
        if requested is not None and bound_to is not None and requested != bound_to:
            raise conflict(
                "target-bound",
                f"the tenant is deployed to {bound_to!r}; delete it there before it is deployed to {requested!r}",
                target=bound_to,
                requested=requested,
            )
        if requested is None and bound_to is not None:
            return bound_to, []
        if requested is None and self.mode is Mode.PRODUCTION and not self.has_kubernetes:
            english = "no kubeconfig is configured ({setting}): deployed to the simulator's cluster `default`"
            return SIMULATOR, [sentence("no-kubeconfig", english, setting="KUBERNETES_CONFIG_PATH")]
        return requested or self.default, []
