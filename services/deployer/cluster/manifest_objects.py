"""The objects of a manifest, in the order in which a cluster needs them. Pure."""

from collections.abc import Collection, Sequence

from services.deployer.state.errors import InvalidManifest
from shared.events import Phase
from shared.kube.kinds import Kind, kind_of
from shared.kube.manifest_text import parse_manifest, rank
from shared.kube.objects import Obj
from shared.reading import InvalidText

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
AUTOSCALER = "HorizontalPodAutoscaler"
_FIRST_SERVICE = rank("Service")


def parse(text: str, namespace: str) -> list[Obj]:
    """As `shared.kube.manifest_text.parse_manifest`. Raises InvalidManifest."""
    try:
        return parse_manifest(text, namespace)
    except InvalidText as error:
        raise InvalidManifest(str(error)) from error


def phase_of(kind: str) -> Phase:
    """The phase in which a kind is applied."""
    if kind == "Namespace":
        return Phase.CREATING_NAMESPACE
    return Phase.CREATING_CONFIGURATION if rank(kind) < _FIRST_SERVICE else Phase.CREATING_SERVICES


def autoscaler_minimums(objects: Sequence[Obj], skipped: Collection[Kind] = ()) -> dict[tuple[str, str], int]:
    """The minimum replicas that the manifest's autoscalers guarantee, by kind and name of the workload."""
    found = {}
    for obj in objects:
        if obj["kind"] == AUTOSCALER and kind_of(obj) not in skipped:
            target = obj["spec"]["scaleTargetRef"]
            found[(target["kind"], target["name"])] = int(obj["spec"].get("minReplicas", 1))
    return found


def is_extension(api_version: str) -> bool:
    """Whether a CustomResourceDefinition defines the group: Kubernetes' own have no dot or end in `.k8s.io`."""
    group = api_version.rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")
