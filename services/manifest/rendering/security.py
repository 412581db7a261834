"""Security contexts: the Pod Security standard `restricted`, with a read-only root filesystem and a fixed user."""

from shared.kube.objects import Obj

USER = 10001
"""Above 10000, so that it isn't a user of the node."""


def pod_security() -> Obj:
    """The security context of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Obj:
    """The security context of a container. It repeats the pod's, which some tools don't read."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
