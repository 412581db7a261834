"""Checks our rights before a deployment applies anything, and names all that are missing at once.

Without it a deployment would end at the first refused object, with half of the tenant applied, and the next attempt at
the next one. Rights in all namespaces are asked for first and cached; a cluster that grants rights by namespace is
asked about the tenant's.
"""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from services.deployer.cluster.api import EVENT, NODE, POD, REPLICA_SET, ClusterApi, ClusterRefused, KindUnknown
from services.deployer.cluster.manifest_objects import is_extension
from shared.errors import PermanentError
from shared.fresh import Fresh
from shared.kube.kinds import Kind, kind_of
from shared.kube.objects import Obj
from shared.kube.rights import APPLIED

_log = structlog.get_logger(__name__)
_CACHED_SECONDS = 600.0
_REQUESTS_AT_ONCE = 16
_OPTIONAL = ((EVENT, ("list",)), (NODE, ("list",)))
"""Without these a deployment works, but without Kubernetes' reasons for a failure, or without a check for room."""
VerbOnKind = tuple[str, Kind]


class Forbidden(PermanentError):
    """We lack rights that a deployment needs; the message lists all of them."""

    code = "KUBERNETES_ERROR"


class _Denied(Exception):
    """Not granted in all namespaces."""


class Preflight:
    """The rights on one cluster. Only granted ones are cached, since a denied one may be granted at any time."""

    def __init__(self, cluster: ClusterApi) -> None:
        self._cluster = cluster
        self._everywhere: Fresh[VerbOnKind, bool] = Fresh(self._ask, _CACHED_SECONDS)
        self._at_once = asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def check(self, objects: Sequence[Obj], namespace: str) -> None:
        """Raise Forbidden if we may not deploy the manifest into `namespace`, or ClusterUnavailable."""
        needed = dict.fromkeys(kind_of(obj) for obj in objects)
        try:
            missing = await self._missing([(verb, kind) for kind in needed for verb in APPLIED], namespace)
            missing += await self._missing([(verb, k) for k in (POD, REPLICA_SET) for verb in APPLIED[1:3]], namespace)
            optional = await self._missing([(verb, kind) for kind, verbs in _OPTIONAL for verb in verbs], namespace)
        except (ClusterRefused, KindUnknown) as error:
            _log.warning(f"Preflight skipped: {error.message}", action="skip-preflight")
            return
        if missing:
            raise Forbidden(
                f"we may not do on cluster {self._cluster.name} what this deployment needs: "
                f"{'; '.join(_listed([*missing, *optional]))}. deploy/kubernetes/rbac.yaml has all rights"
            )
        if optional:
            _log.warning(f"Optional rights are missing: {'; '.join(_listed(optional))}", action="lacks-rights")

    async def _missing(self, wanted: Iterable[VerbOnKind], namespace: str) -> list[VerbOnKind]:
        wanted = list(wanted)
        answers = await asyncio.gather(*(self._is_allowed(each, namespace) for each in wanted))
        return [each for each, allowed in zip(wanted, answers, strict=True) if not allowed]

    async def _is_allowed(self, wanted: VerbOnKind, namespace: str) -> bool:
        try:
            return await self._everywhere.get(wanted)
        except _Denied:
            async with self._at_once:
                return await self._cluster.allows(*wanted, namespace)

    async def _ask(self, wanted: VerbOnKind) -> bool:
        """True if granted in all namespaces, or not needed. Raises _Denied, which isn't cached."""
        async with self._at_once:
            try:
                allowed = await self._cluster.allows(*wanted, "")
            except KindUnknown:
                if not is_extension(wanted[1].api_version):
                    raise
                return True  # apply skips a kind that the cluster doesn't serve
        if not allowed:
            raise _Denied
        return True


def _listed(missing: Iterable[VerbOnKind]) -> list[str]:
    """`create, patch on PriorityClass (scheduling.k8s.io/v1)`."""
    verbs: dict[Kind, list[str]] = {}
    for verb, kind in missing:
        verbs.setdefault(kind, []).append(verb)
    return [f"{', '.join(each)} on {kind.kind} ({kind.api_version})" for kind, each in verbs.items()]
