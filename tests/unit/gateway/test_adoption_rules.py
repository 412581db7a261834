"""What an adoption reads from workloads: kept as options where a tenant can have them, named where it can't."""

from typing import Any

import pytest

from services.calculator.sizing.tenant_sizing import size
from services.gateway.adoption import rules
from shared.rpc import FoundWorkload
from shared.tenants import SlaTarget
from tests.support.tenants import CATALOG


def options_of(*found: FoundWorkload) -> tuple[dict[str, Any], list[str]]:
    """The options as JSON, and what can't be expressed."""
    requirements = {each.name: 10 for each in found}
    sizing = size(requirements, SlaTarget(), None, None, CATALOG)
    chosen, unexpressed = rules.options_of({each.name: each for each in found}, sizing, CATALOG)
    return {name: each.model_dump(exclude_none=True, exclude_defaults=True) for name, each in chosen.items()}, (
        unexpressed
    )


def workload(name: str, **fields: Any) -> FoundWorkload:
    return FoundWorkload(kind="Deployment", name=name, **{"replicas": 0, "image": f"ecp-ai/{name}:9", **fields})


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        ("registry.example.com:5000/team/callbot", "registry.example.com:5000/team/callbot:latest"),
        ("callbot", "callbot:latest"),
        ("team/callbot:7", "team/callbot:7"),
        (f"team/callbot@sha256:{'0' * 64}", f"team/callbot@sha256:{'0' * 64}"),
    ],
)
def test_an_image_without_a_tag_keeps_the_one_that_kubernetes_runs(image: str, kept: str) -> None:
    sizing = size({"callbot": 10}, SlaTarget(), None, None, CATALOG)
    chosen, _ = rules.options_of({"callbot": workload("callbot", image=image)}, sizing, CATALOG)
    found = chosen["callbot"].image
    assert found is not None
    assert found.reference("ecp-ai/callbot", "1.51") == kept


def test_what_the_catalogue_forbids_is_named_and_the_rest_is_kept() -> None:
    on_gpus = workload("stt", requests={"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}, port=9000)
    small = workload("advisor", requests={"cpu": "60m", "memory": "512Mi"}, limits={"cpu": "60m", "memory": "512Mi"})
    chosen, unexpressed = options_of(on_gpus, small)
    assert unexpressed == ["advisor.resources", "stt.resources"]
    assert chosen["stt"]["port"] == 9000
    assert "resources" not in chosen["stt"]
    assert "resources" not in chosen["advisor"]


def test_environments_that_are_too_long_together_are_named_and_not_an_error() -> None:
    full = {f"A{n}": "x" * 4096 for n in range(8)}
    found = [workload(name, environment=full) for name in ("callbot", "chatbot", "advisor", "stt", "ta")]
    chosen, unexpressed = options_of(*found)
    assert unexpressed == ["ta.environment"]
    assert chosen.keys() == {"callbot", "chatbot", "advisor", "stt", "ta"}


def test_adopted_objects_that_the_manifest_lacks_are_those_that_a_deployment_deletes() -> None:
    manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: callbot-service}\n"
    adopted = ["Namespace ecp-ai-x", "Service callbot-service", "ConfigMap callbot-service"]
    assert rules.pruned(adopted, manifest) == ["ConfigMap callbot-service"]
