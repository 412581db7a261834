"""Asks what we may do before a deployment applies anything, and names all that is missing at once.

Without it a deployment ends at the first object that is refused, with half of the tenant applied, and the next attempt
ends at the next one. Rights that hold in all namespaces are asked for once and kept for a while; a cluster whose rights
are given namespace by namespace is asked about the tenant's.
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from services.deployer.cluster.api import ClusterApi, ClusterRefused, Kind, KindUnknown, Obj, kind_of
from services.deployer.health.snapshot import POD, REPLICA_SET
from services.deployer.reconcile.apply import is_extension
from services.deployer.reconcile.explanation import EVENT
from shared.errors import PermanentError
from shared.fresh import Fresh
from shared.kube.rights import APPLIED

_log = structlog.get_logger(__name__)
_KEPT_SECONDS = 600.0
_AT_ONCE = 16
_NODE = Kind("v1", "Node")
_HELPFUL = ((EVENT, ("list",)), (_NODE, ("list",)))
"""Without these a deployment works, but without Kubernetes' reasons for a failure, or without a look for room."""
Wanted = tuple[str, Kind]


class Forbidden(PermanentError):
    """Rights that a deployment needs and that we haven't got; the message lists them all."""

    code = "KUBERNETES_ERROR"


class _Denied(Exception):
    """Not in all namespaces."""


class Preflight:
    """Of one cluster. What is allowed is kept; what isn't is asked for again, since it may be granted at any time."""

    def __init__(self, cluster: ClusterApi) -> None:
        self._cluster = cluster
        self._everywhere: Fresh[Wanted, bool] = Fresh(self._ask, _KEPT_SECONDS)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def check(self, objects: Sequence[Obj], namespace: str) -> None:
        """Raise Forbidden if the manifest can't be deployed into `namespace`; ClusterUnavailable."""
        needed = dict.fromkeys(kind_of(obj) for obj in objects)
        try:
            missing = await self._missing([(verb, kind) for kind in needed for verb in APPLIED], namespace)
            missing += await self._missing([(verb, k) for k in (POD, REPLICA_SET) for verb in APPLIED[1:3]], namespace)
            helpful = await self._missing([(verb, kind) for kind, verbs in _HELPFUL for verb in verbs], namespace)
        except (ClusterRefused, KindUnknown) as error:
            _log.warning(f"Rights are not checked: {error.message}", action="skip-preflight")
            return
        if missing:
            raise Forbidden(
                f"we may not do on cluster {self._cluster.name} what this deployment needs: "
                f"{'; '.join(_listed([*missing, *helpful]))}. deploy/kubernetes/rbac.yaml has all rights"
            )
        if helpful:
            _log.warning(f"Rights that would help are missing: {'; '.join(_listed(helpful))}", action="lacks-rights")

    async def _missing(self, wanted: Iterable[Wanted], namespace: str) -> list[Wanted]:
        wanted = list(wanted)
        answers = await asyncio.gather(*(self._is_allowed(each, namespace) for each in wanted))
        return [each for each, allowed in zip(wanted, answers, strict=True) if not allowed]

    async def _is_allowed(self, wanted: Wanted, namespace: str) -> bool:
        try:
            return await self._everywhere.get(wanted)
        except _Denied:
            async with self._at_once:
                return await self._cluster.allows(*wanted, namespace)

    async def _ask(self, wanted: Wanted) -> bool:
        """True if it is allowed in all namespaces, or there is nothing to allow. Raises _Denied, which isn't kept."""
        async with self._at_once:
            try:
                allowed = await self._cluster.allows(*wanted, "")
            except KindUnknown:
                if not is_extension(wanted[1].api_version):
                    raise
                return True  # applying skips a kind that the cluster hasn't got
        if not allowed:
            raise _Denied
        return True


def _listed(missing: Iterable[Wanted]) -> list[str]:
    """`create, patch on PriorityClass (scheduling.k8s.io/v1)`."""
    verbs: dict[Kind, list[str]] = {}
    for verb, kind in missing:
        verbs.setdefault(kind, []).append(verb)
    return [f"{', '.join(each)} on {kind.kind} ({kind.api_version})" for kind, each in verbs.items()]
