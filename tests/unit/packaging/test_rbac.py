"""The permissions in a cluster are exactly those that rendering, watching and reading need."""

import re

import pytest
import yaml

from services.deployer.cluster.manifest_objects import WORKLOADS
from services.deployer.health.snapshot import WATCHED
from services.monitor.collect import kubernetes as monitor
from shared.kube.rights import APPLIED, DEPLOYER, MONITOR
from tests.support.tenants import every_tenant
from tools.kubernetes_rbac import FILE, configuration

pytestmark = pytest.mark.slow


RIGHTS = [right for rights in DEPLOYER.values() for right in rights]


def test_the_file_is_made_from_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == configuration(), "run `make docs`"


def test_what_is_applied_is_what_is_rendered_each_by_the_option_that_asks_for_it() -> None:
    rendered = {
        (obj["apiVersion"], obj["kind"]): name for name, tenant in every_tenant().items() for obj in tenant.render()
    }
    assert rendered.keys() == {(right.api_version, right.kind) for right in RIGHTS if right.verbs == APPLIED}
    for option, rights in DEPLOYER.items():
        for right in rights if option else ():
            assert re.search(rf"{option}=True", rendered[right.api_version, right.kind])


def test_what_is_watched_until_it_is_healthy_may_be_watched() -> None:
    rendered = {right.kind for right in RIGHTS if right.verbs == APPLIED}
    followed = {right.kind for right in RIGHTS if {"list", "watch"} <= set(right.verbs)}
    assert WATCHED & rendered <= followed
    assert WORKLOADS & rendered <= followed


def test_the_monitor_reads_what_it_lists_and_changes_nothing() -> None:
    paths = {value for name, value in vars(monitor).items() if name.isupper() and str(value).startswith("/api")}
    listed = {path.removeprefix("/apis/").removeprefix("/api/") for path in paths}
    assert listed == {f"{right.api_version}/{right.resource}" for right in MONITOR}
    assert {verb for right in MONITOR for verb in right.verbs} <= {"get", "list", "watch"}


def test_no_right_is_a_wildcard() -> None:
    roles = [each for each in yaml.safe_load_all(FILE.read_text(encoding="utf-8")) if each["kind"] == "ClusterRole"]
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
