"""The default checks of kube-score, kube-linter and Polaris over every preset and option: nothing is found."""

from functools import cache

import pytest

from . import kube_linter, kube_score, polaris
from .cluster_view import Manifest
from .factories import EVERYTHING, TENANTS, Tenant, every_tenant

CHECKS = [
    pytest.param(function, id=f"{tool} {name}")
    for tool, checks in (
        ("kube-score", kube_score.CHECKS),
        ("kube-linter", kube_linter.CHECKS),
        ("Polaris", polaris.CHECKS),
    )
    for name, function in checks.items()
]


@cache
def manifests() -> tuple[tuple[str, Manifest], ...]:
    """Every preset with every combination of options, and the tenants of the golden files."""
    return tuple((name, Manifest(tenant.render())) for name, tenant in {**every_tenant(), **TENANTS}.items())


@pytest.mark.parametrize("check", CHECKS)
def test_a_linter_finds_nothing(check: kube_score.Check) -> None:
    assert [(name, finding) for name, manifest in manifests() for finding in check(manifest)] == []


def test_all_default_checks_are_here() -> None:
    assert len(kube_linter.CHECKS) == 31
    assert len(kube_score.CHECKS) >= 33


@pytest.mark.parametrize("tool", [kube_score, kube_linter])
def test_a_careless_manifest_is_found_out(tool: object) -> None:
    """The checks do look: without its protections, the same manifest fails most of those that concern pods."""
    manifest = Manifest(Tenant("careless", EVERYTHING).render())
    for _, container in manifest.containers():
        container |= {"image": "x", "securityContext": {"capabilities": {"drop": []}}, "imagePullPolicy": "Never"}
        container["resources"] = {"requests": {}, "limits": {}}
    for workload in manifest.workloads():
        workload["spec"]["template"]["spec"]["securityContext"] = {}
        workload["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    failing = {name for name, check in tool.CHECKS.items() if any(check(manifest))}  # type: ignore[attr-defined]
    assert len(failing) >= 10, failing
