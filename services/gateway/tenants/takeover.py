"""Who may deploy with `force_conflicts` into a namespace that others have filled.

A deployment with it takes the fields of same-named objects from their managers. In the tenant's own namespace that is
what it is for. But the next creator of an id gets the namespace that is named after it, whatever is in it: taking over
the objects of others there is an adoption, which needs a right of its own, so only an administrator may.
"""

from services.gateway.http import request_context
from services.gateway.workers import WorkerClient
from shared.errors import Refused
from shared.events import DeployOptions
from shared.identity.caller import Role
from shared.rpc import InspectReply, InspectRequest
from shared.tenants import NAMESPACE_PREFIX


async def check_takeover(workers: WorkerClient, tenant_id: str, target: str, options: DeployOptions) -> None:
    """Raise Refused (FORBIDDEN) if the options would take over objects of others for a caller that may not.

    Raises DependencyUnavailable while that can't be known. The objects aren't named: they may be another tenant's.
    """
    caller = request_context.current().caller
    if not options.force_conflicts or caller.has(Role.ADMIN):
        return
    found = await workers.inspect(InspectRequest(target=target, tenant_id=tenant_id))
    if not _has_others(found):
        return
    namespace = f"{NAMESPACE_PREFIX}{tenant_id}"
    raise Refused(
        f"{namespace} on {target} has objects that others created, and force_conflicts would take them over; "
        "leave it out, choose another tenant_id, or ask an administrator",
        code="FORBIDDEN",
        message_id="takeover-forbidden",
        details={"namespace": namespace, "target": target, "required_role": Role.ADMIN.value},
    )


def _has_others(found: InspectReply) -> bool:
    """An older deployer doesn't tell whose objects they are: then each one counts."""
    return bool(found.adopted if found.foreign is None else found.foreign)
