"""The adapter to a Kubernetes API: `api.ClusterApi` by the official client's dynamic client.

This is the only module of the deployer that imports the client. Whatever the client or its HTTP library raises becomes
an error of `api`, with the API server's message.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient
from kubernetes.aio.dynamic.exceptions import ResourceNotFoundError
from kubernetes.aio.dynamic.resource import Resource

from services.deployer.cluster.api import (
    ClusterRefused,
    ClusterUnavailable,
    FieldConflict,
    KindUnknown,
    Listing,
    NamespaceTerminating,
    ObjectChange,
    WatchExpired,
    ref_of,
)
from services.deployer.cluster.discovery import contents
from services.deployer.state.records import ObjectRef
from shared.errors import DependencyUnavailable
from shared.kube.kinds import KINDS, Kind, kind_of
from shared.kube.labels import FIELD_MANAGER
from shared.kube.objects import Obj

_NO_CACHE_FILE = "/dev/null/discovery"
"""A path that can't exist, so that discovery is cached in memory only. The client's default, a file in the temporary
folder, hides kinds that are defined later, and other processes of the machine share it."""
_REQUEST_TIMEOUT = 30.0
_WATCH_SECONDS = 240
_WATCH_SILENCE = 300.0
"""Seconds without a byte after which a watch counts as broken; longer than `_WATCH_SECONDS`."""
_REVIEW = KINDS["SelfSubjectAccessReview"].kind
_HEALING = frozenset({401, 408, 429})
"""Status codes besides 5xx after which a retry can succeed. On 401 the client connects again with a rotated token."""
_UNTYPED = "failed to create typed patch object"
"""The message of a server-side apply with an unknown field, which the API server refuses with status 500."""


class KubernetesAdapter:
    """One cluster. `connect` creates its client, at the first call and after the credentials were refused."""

    def __init__(self, name: str, connect: Callable[[], Awaitable[ApiClient]]) -> None:
        self.name = name
        self._connect = connect
        self._api: ApiClient | None = None
        self._client: DynamicClient | None = None
        self._connecting = asyncio.Lock()
        self._resources: dict[Kind, Resource] = {}
        self._refused = False

    async def close(self) -> None:
        """Close the connections. The next call connects again."""
        api, self._api, self._client, self._refused = self._api, None, None, False
        self._resources.clear()
        if api is not None:
            await api.close()  # type: ignore[no-untyped-call]

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        """See the port.

        A conflict with our own patches is no conflict: the API server lists them as another manager of our name.
        """
        try:
            return await self._apply(obj, force=force)
        except FieldConflict as conflict:
            if force or any(manager != FIELD_MANAGER for manager, _ in conflict.owners):
                raise
        return await self._apply(obj, force=True)

    async def patch(self, ref: ObjectRef, body: Obj) -> None:
        """See the port."""
        client, resource = await self._resource(Kind(ref.api_version, ref.kind))
        with self._translated(ref), _tolerating(404):
            await _ask(
                client,
                "patch",
                _path(resource, ref.namespace, ref.name),
                body=body,
                content_type="application/merge-patch+json",
                query_params=[("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")],
            )

    async def preview(self, obj: Obj) -> Obj:
        """See the port."""
        return await self._apply(obj, force=True, dry_run=True)

    async def _apply(self, obj: Obj, *, force: bool, dry_run: bool = False) -> Obj:
        client, resource = await self._resource(kind_of(obj))
        metadata = {key: value for key, value in obj["metadata"].items() if resource.namespaced or key != "namespace"}
        body = {**obj, "metadata": metadata}
        ref = ref_of(body)
        query = [
            ("fieldManager", FIELD_MANAGER),
            ("force", "true" if force else "false"),
            ("fieldValidation", "Strict"),
            *([("dryRun", "All")] if dry_run else []),
        ]
        with self._translated(ref):
            return await _ask(
                client,
                "patch",
                _path(resource, ref.namespace, ref.name),
                body=body,
                content_type="application/apply-patch+yaml",
                query_params=query,
            )

    async def read(self, ref: ObjectRef) -> Obj | None:
        """See the port."""
        with suppress(KindUnknown):
            client, resource = await self._resource(Kind(ref.api_version, ref.kind))
            with self._translated(ref), _tolerating(404):
                return await _ask(client, "get", _path(resource, ref.namespace, ref.name))
        return None

    async def remove(self, ref: ObjectRef, *, uid: str, grace_seconds: int | None = None) -> None:
        """See the port."""
        options: Obj = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        with suppress(KindUnknown):
            client, resource = await self._resource(Kind(ref.api_version, ref.kind))
            with self._translated(ref), _tolerating(404, 409):
                await _ask(client, "delete", _path(resource, ref.namespace, ref.name), body=options)

    async def contents(self, namespace: str) -> Sequence[Obj]:
        """See the port."""
        return await contents(self._get, namespace)

    async def list(self, kind: Kind, namespace: str, label: str = "") -> Listing:
        """See the port."""
        client, resource = await self._resource(kind)
        with self._translated(kind.kind):
            found = await _ask(client, "get", _path(resource, namespace), label_selector=label or None)
        items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in found.get("items") or ()]
        return Listing(items, found["metadata"]["resourceVersion"])

    async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
        """See the port."""
        client, reviews = await self._resource(_REVIEW)
        _, resource = await self._resource(kind)
        asked = {"verb": verb, "group": resource.group, "resource": resource.name}
        where = {"namespace": namespace} if namespace and resource.namespaced else {}
        spec = {"resourceAttributes": {**asked, **where}}
        body = {"apiVersion": _REVIEW.api_version, "kind": _REVIEW.kind, "spec": spec}
        with self._translated(_REVIEW.kind):
            review = await _ask(client, "post", _path(reviews, ""), body=body)
        return bool(review["status"].get("allowed"))

    async def watch(
        self, kind: Kind, namespace: str, resource_version: str, label: str = ""
    ) -> AsyncIterator[ObjectChange]:
        """See the port."""
        client, resource = await self._resource(kind)
        with self._translated(kind.kind):
            response = await client.request(
                "get",
                _path(resource, namespace),
                watch="true",
                label_selector=label or None,
                resource_version=resource_version,
                timeout_seconds=_WATCH_SECONDS,
                query_params=[("allowWatchBookmarks", "true")],
                serialize=False,
                _request_timeout=aiohttp.ClientTimeout(total=None, connect=_REQUEST_TIMEOUT, sock_read=_WATCH_SILENCE),
            )
            try:
                async for line in response.content:
                    if (change := _change(orjson.loads(line))) is not None:
                        yield change
            finally:
                response.close()

    async def _get(self, path: str) -> Obj:
        with self._translated(path):
            async with self._connecting:
                client = await self._connected()
            return await _ask(client, "get", path)

    async def _resource(self, kind: Kind) -> tuple[DynamicClient, Resource]:
        """The client and the kind's paths. Raises KindUnknown. Serialized, because discovery isn't concurrency-safe."""
        async with self._connecting:
            with self._translated(kind.kind):
                client = await self._connected()
                if kind not in self._resources:
                    self._resources[kind] = await self._discover(client, kind)
                return client, self._resources[kind]

    async def _connected(self) -> DynamicClient:
        if self._refused:
            await self.close()
        if self._client is None:
            self._api = self._api or await self._connect()
            self._client = await DynamicClient(self._api, cache_file=_NO_CACHE_FILE)  # type: ignore[no-untyped-call]
        return self._client

    async def _discover(self, client: DynamicClient, kind: Kind) -> Resource:
        prefix = "apis" if "/" in kind.api_version else "api"
        try:
            found: Resource = await client.resources.get(prefix=prefix, api_version=kind.api_version, kind=kind.kind)
        except ResourceNotFoundError as error:
            raise KindUnknown(f"cluster {self.name} has no kind {kind.kind} in {kind.api_version}") from error
        return found

    @contextmanager
    def _translated(self, what: ObjectRef | str) -> Iterator[None]:
        """Raise errors of the port for errors of the client."""
        try:
            yield
        except ApiException as error:
            raise self._translate(error, what) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a response that isn't JSON
            raise ClusterUnavailable(self.name, str(error) or type(error).__name__) from error
        except ClusterUnavailable:
            raise
        except DependencyUnavailable as error:
            raise ClusterUnavailable(self.name, error.message) from error

    def _translate(self, error: ApiException, what: ObjectRef | str) -> Exception:
        status = _status(error)
        message = status.get("message") or f"{error.status} {error.reason}"
        causes = (status.get("details") or {}).get("causes") or []
        if error.status == 409 and isinstance(what, ObjectRef) and (owners := _owners(causes)):
            return FieldConflict(what, owners)
        if error.status == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            return NamespaceTerminating(message)
        if error.status == 410:
            return WatchExpired(message)
        if error.status == 500 and message.startswith(_UNTYPED):
            return ClusterRefused(f"{what}: {message}")
        if error.status == 409 or error.status in _HEALING or (error.status or 500) >= 500:
            self._refused = self._refused or error.status == 401
            return ClusterUnavailable(self.name, message)
        return ClusterRefused(f"{what}: {message}", details={"status": error.status})


async def _ask(client: DynamicClient, method: str, path: str, **params: Any) -> Obj:
    response = await client.request(method, path, serialize=False, _request_timeout=_REQUEST_TIMEOUT, **params)
    body: Obj = orjson.loads(await response.read())
    return body


def _path(resource: Resource, namespace: str, name: str = "") -> str:
    return str(resource.path(name=name or None, namespace=namespace or None))  # type: ignore[no-untyped-call]


@contextmanager
def _tolerating(*codes: int) -> Iterator[None]:
    """Ignore refusals with these status codes."""
    try:
        yield
    except ApiException as error:
        if error.status not in codes:
            raise


def _change(event: Obj) -> ObjectChange | None:
    """One line of a watch; None for a bookmark. Raises WatchExpired or ApiException, as a request would."""
    if event["type"] == "BOOKMARK":
        return None
    if event["type"] == "ERROR":
        status = event["object"]
        if status.get("code") == 410:
            raise WatchExpired(status.get("message", "too old resource version"))
        raise ApiException(status=status.get("code", 500), reason=status.get("message"))
    return ObjectChange(event["type"], event["object"])


def _owners(causes: list[Obj]) -> tuple[tuple[str, str], ...]:
    """Managers and fields of a refused apply. A cause's message is `conflict with "kubectl" using apps/v1`."""
    conflicts = [cause for cause in causes if cause.get("reason") == "FieldManagerConflict"]
    return tuple((_manager(cause.get("message", "")), cause.get("field", "")) for cause in conflicts)


def _manager(message: str) -> str:
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else message


def _status(error: ApiException) -> Obj:
    """The `Status` object in a refusal's body, or an empty one."""
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
