"""Which namespaces a tenant's manifest may be for: the rule that the gateway and the renderer share.

A manifest makes its Namespace an object of its own, with pod security, quota and network policies: for one that the
cluster, the platform or another tenant needs, applying it would cut those off.
"""

import re
from collections.abc import Collection

from shared.errors import Refused
from shared.messages import Sentence, problem, sentence
from shared.tenants import NAMESPACE_PREFIX

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESERVED = frozenset({"default", "ecp-system"})
"""Kubernetes' own default, and where the guides run the orchestrator."""
_RESERVED_PREFIXES = ("kube-", "openshift-", NAMESPACE_PREFIX)


def check_namespace(namespace: str, tenant_id: str, platform: Collection[str] = ()) -> str:
    """`namespace`, if a manifest of the tenant may be for it. Raises Refused, which names what is allowed.

    `platform` has the namespaces of what the cluster's operators run: ingress controller, monitoring.
    """
    own = f"{NAMESPACE_PREFIX}{tenant_id}"
    if not _NAME.fullmatch(namespace):
        english = "must be 1 to 63 lower-case letters, digits or '-', beginning and ending with a letter or digit"
        raise _refused(sentence("namespace-unusable", english))
    if namespace == own:
        return namespace
    reserved = _RESERVED | set(platform)
    if namespace in reserved or namespace.startswith(_RESERVED_PREFIXES):
        reason = sentence(
            "namespace-reserved",
            "'{namespace}' belongs to the cluster, its platform or another tenant; allowed are '{own}', and names "
            "that don't begin with {prefixes} and are none of {reserved}",
            namespace=namespace,
            own=own,
            prefixes=", ".join(_RESERVED_PREFIXES),
            reserved=", ".join(sorted(reserved)),
        )
        raise _refused(reason, namespace=namespace, own=own)
    return namespace


def _refused(reason: Sentence, **details: str) -> Refused:
    return Refused(f"namespace: {reason.english}", details={"errors": [problem("namespace", reason)], **details})
