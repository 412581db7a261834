"""What the deployer answers about a cluster before anything is changed in it: `rpc.diff`."""

from shared.changes import Changes
from shared.model import Model


class DiffRequest(Model):
    """`rpc.diff`: what would applying this manifest change? Answered with a `DiffReply`."""

    target: str
    tenant_id: str
    manifest: str
    """The text of the manifest."""
    prune: bool = True
    """Whether objects that the manifest no longer has would be deleted."""
    force: bool = False
    """Whether fields would be taken from other managers."""


class DiffReply(Changes):
    """The changes that the API server's dry run shows."""

    target: str
    skipped: tuple[str, ...] = ()
    """Objects of kinds that the cluster doesn't know, such as `ServiceMonitor callbot`."""
