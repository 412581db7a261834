"""Which target a tenant is deployed to. Pure."""

from dataclasses import dataclass

from services.gateway.http.errors import conflict, invalid
from shared.kube.targets import KUBERNETES, SIMULATOR
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

    def choose(self, requested: str | None, bound_to: str | None = None) -> tuple[str, list[str]]:
        """The target of a deployment, and notes on the choice. `bound_to` is the target of earlier deployments.

        Raises Refused for a target that doesn't exist in this mode, or that isn't the tenant's.
        """
        if requested is not None and requested not in self.possible:
            possible = ", ".join(self.possible)
            raise invalid("target", f"{requested!r} is not known in {self.mode} mode; possible: {possible}")
        if requested is not None and bound_to is not None and requested != bound_to:
            raise conflict(
                f"the tenant is deployed to {bound_to!r}; delete it there before it is deployed to {requested!r}",
                target=bound_to,
            )
        if requested is None and bound_to is not None:
            return bound_to, []
        if requested is None and self.mode is Mode.PRODUCTION and not self.has_kubernetes:
            note = "no kubeconfig is configured (KUBERNETES_CONFIG_PATH): deployed to the simulator's cluster `default`"
            return SIMULATOR, [note]
        return requested or self.default, []
