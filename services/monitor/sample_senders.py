"""Whether another system may send samples of a tenant: the rule of `POST /tenants/{id}/monitoring`."""

from collections.abc import Mapping

from shared.database import Database
from shared.database.tenant_grants import is_granted
from shared.errors import Refused
from shared.identity.caller import Role
from shared.identity.systems import OutsideSystems
from shared.subjects import Mode


class SampleSenders:
    """The systems that send samples, in both modes."""

    def __init__(self, systems: OutsideSystems, databases: Mapping[Mode, Database]) -> None:
        self._systems = systems
        self._databases = databases

    async def check(self, mode: Mode, system: str, tenant_id: str) -> None:
        """Raise Refused (FORBIDDEN or TENANT_NOT_FOUND) for a system that may not measure the tenant.

        Raises DependencyUnavailable if its role or its tenants can't be read.
        """
        caller = self._systems.caller(system)
        if not caller.may_see(tenant_id):
            async with self._databases[mode].begin() as connection:
                if not await is_granted(connection, caller, tenant_id):
                    raise Refused(f"there is no tenant {tenant_id!r}", code="TENANT_NOT_FOUND")
        if not caller.has(Role.OPERATOR):
            raise Refused(f"the system {system!r} needs the role {Role.OPERATOR.value}", code="FORBIDDEN")
