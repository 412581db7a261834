"""The default checks of kube-score, kube-linter and Polaris over every preset and option: nothing is found."""

import copy
from functools import cache

import pytest

from tests.support.tenants import TENANTS, every_tenant

from . import kube_linter, kube_score, polaris
from .cluster_view import Manifest
from .damages import DAMAGES, Damage

CHECKS = [
    pytest.param(function, id=f"{tool} {name}")
    for tool, checks in (
        ("kube-score", kube_score.CHECKS),
        ("kube-linter", kube_linter.CHECKS),
        ("Polaris", polaris.CHECKS),
    )
    for name, function in checks.items()
]


BY_NAME = {**kube_score.CHECKS, **kube_linter.CHECKS, **polaris.CHECKS}


@cache
def manifests() -> tuple[tuple[str, Manifest], ...]:
    """Every preset with every combination of options, and the tenants of the golden files."""
    return tuple((name, Manifest(tenant.render())) for name, tenant in {**every_tenant(), **TENANTS}.items())


@pytest.mark.parametrize("check", CHECKS)
def test_a_linter_finds_nothing(check: kube_score.Check) -> None:
    assert [(name, finding) for name, manifest in manifests() for finding in check(manifest)] == []


def test_all_default_checks_are_here() -> None:
    assert len(kube_linter.CHECKS) == 31
    assert len(kube_score.CHECKS.keys() - {"container-seccomp-profile"}) == 33, "that one is optional"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_check_finds_what_it_is_there_for(damage: Damage) -> None:
    """Each check works: it reports a manifest that is damaged in its way."""
    objects = copy.deepcopy(manifests()[0][1].objects)
    damage({f"{each['kind']} {each['metadata']['name']}": each for each in objects}, objects)
    manifest = Manifest(objects)
    silent = [name for name in DAMAGES[damage] if not any(BY_NAME[name](manifest))]
    assert silent == []


def test_every_check_has_something_that_it_finds() -> None:
    assert {name for names in DAMAGES.values() for name in names} == BY_NAME.keys()
