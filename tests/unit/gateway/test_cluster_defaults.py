"""The operator's defaults of a target in what is deployed."""

import pytest

from services.gateway.tenants.cluster_defaults import with_defaults
from shared.choices import ClusterOptions
from shared.errors import Refused
from shared.tenants import TenantSpec


def labels(prefix: str, count: int) -> ClusterOptions:
    return ClusterOptions(labels={f"{prefix}.example/{n}": "x" for n in range(count)})


def spec(options: ClusterOptions) -> TenantSpec:
    return TenantSpec(tenant_id="t", service_requirements={"callbot": 5}, cluster_options=options)


def test_a_target_without_defaults_changes_nothing() -> None:
    mine = spec(labels("mine", 2))
    assert with_defaults(mine, {"kubernetes": labels("ours", 2)}, "simulator") is mine


def test_labels_that_are_too_many_with_the_defaults_are_refused_before_anything_is_deployed() -> None:
    defaults = {"kubernetes": labels("ours", 10)}
    found = with_defaults(spec(labels("mine", 6)), defaults, "kubernetes")
    assert len(found.cluster_options.labels) == 16
    assert TenantSpec.model_validate_json(found.model_dump_json()) == found, "the workers read it"
    with pytest.raises(Refused) as refused:
        with_defaults(spec(labels("mine", 7)), defaults, "kubernetes")
    [problem] = refused.value.details["errors"]
    assert problem["field"] == "cluster_options"
    assert "with the defaults of target kubernetes" in problem["message"]


def test_what_is_stored_is_shown_whatever_the_defaults_are() -> None:
    assert len(labels("mine", 16).over(labels("ours", 16)).labels) == 32
