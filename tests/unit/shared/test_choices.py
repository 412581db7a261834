"""What a tenant may choose, what is refused with which advice, and how defaults fill the gaps."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from shared.choices import ClusterOptions, ServiceOptions, Toleration, parse_defaults, placement_of, with_registry
from shared.tenants import TenantSpec

DIGEST = f"sha256:{'0' * 64}"


def options(**fields: Any) -> ServiceOptions:
    return ServiceOptions.model_validate(fields)


def cluster(**fields: Any) -> ClusterOptions:
    return ClusterOptions.model_validate(fields)


def spec(**fields: Any) -> TenantSpec:
    given = {"tenant_id": "t", "name": "n", "service_requirements": {"callbot": 5}}
    return TenantSpec.model_validate(given | fields)


@pytest.mark.parametrize(
    ("chosen", "reference"),
    [
        ({"tag": "1.52"}, "ecp-ai/callbot:1.52"),
        ({"registry": "localhost:5000"}, "localhost:5000/ecp-ai/callbot:1.51"),
        ({"repository": "team/bot", "digest": DIGEST}, f"team/bot@{DIGEST}"),
        ({"tag": "1.52", "digest": DIGEST}, f"ecp-ai/callbot:1.52@{DIGEST}"),
        ("registry.example.com/team/bot:1.2", "registry.example.com/team/bot:1.2"),
        ("registry.example.com:5000/bot", "registry.example.com:5000/bot:1.51"),
        ("team/bot:1.2", "team/bot:1.2"),
        ("bot:latest", "bot:latest"),
        (f"bot@{DIGEST}", f"bot@{DIGEST}"),
    ],
)
def test_parts_of_an_image_that_are_not_chosen_are_the_catalogue_s(chosen: Any, reference: str) -> None:
    image = options(image=chosen).image
    assert image is not None
    assert image.reference("ecp-ai/callbot", "1.51") == reference
    assert image.is_pinned == (reference != "bot:latest")


@pytest.mark.parametrize(
    ("image", "registry", "found"),
    [
        ("ecp-ai/callbot:1", None, "ecp-ai/callbot:1"),
        ("ecp-ai/callbot:1", "registry.example.com/team", "registry.example.com/team/ecp-ai/callbot:1"),
        ("redis:7.2", "localhost", "localhost/redis:7.2"),
        ("ghcr.io/x/y:1", "registry.example.com", "ghcr.io/x/y:1"),
        ("localhost:5000/y:1", "registry.example.com", "localhost:5000/y:1"),
    ],
)
def test_an_image_that_names_its_registry_keeps_it(image: str, registry: str | None, found: str) -> None:
    assert with_registry(image, registry) == found


REFUSED_SERVICE_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"image": "Upper/case"}, "is not a repository"),
    ({"image": "bot:"}, "is not a tag"),
    ({"image": "bot@md5:0"}, "is not a digest"),
    ({"image": "registry.example.com/"}, "is not a repository"),
    ({"image": {"registry": "team"}}, "is not a registry"),
    ({"image": {"registry": f"a.{'r' * 120}", "repository": "r" * 140}}, "more than 255 characters together"),
    ({"image": {"registry": "https://registry.example.com"}}, "is not a registry"),
    ({"environment": {"1ST": "x"}}, "is not a variable"),
    ({"environment": {"TENANT_ID": "x", "REDIS_URL": "y"}}, "REDIS_URL, TENANT_ID can't be chosen"),
    ({"environment": {"A": "\x00"}}, "control characters"),
    ({"environment": {"A": "x" * 4097}}, "at most 4096"),
    ({"environment": {f"A{n}": "x" * 4000 for n in range(9)}}, "more than 32768 characters"),
    ({"environment": {f"A{n}": "" for n in range(65)}}, "at most 64"),
    ({"replicas": 0}, "greater than or equal to 1"),
    ({"replicas": True}, "must be a number"),
    ({"replicas": 4, "autoscaling": {"max_replicas": 3}}, "above autoscaling.max_replicas 3"),
    ({"replicas": 4, "autoscaling": {"min_replicas": 3}}, "differ"),
    ({"autoscaling": {"min_replicas": 4, "max_replicas": 3}}, "min_replicas 4 is above max_replicas 3"),
    ({"autoscaling": {"enabled": False, "max_replicas": 3}}, "have no effect"),
    ({"autoscaling": {"target_cpu_percent": 5}}, "greater than or equal to 10"),
    ({"resources": {"requests": {"cpu": "49m"}}}, "from 50m to 256"),
    ({"resources": {"requests": {"cpu": "two"}}}, "from 50m to 256"),
    ({"resources": {"limits": {"memory": "127Mi"}}}, "from 128Mi to 4Ti"),
    ({"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1"}}}, "requests.cpu is larger than limits.cpu"),
    ({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1G"}}}, "requests.memory is larger"),
    ({"resources": {"gpu": 0}}, "greater than or equal to 1"),
    ({"health": {"liveness": "health"}}, "is not a path"),
    ({"health": {"readiness": "/a b"}}, "is not a path"),
    ({"port": 65536}, "less than or equal to 65535"),
    ({"port": True}, "must be a number"),
    ({"resources": {"gpu": True}}, "must be a number"),
]


@pytest.mark.parametrize(("fields", "advice"), REFUSED_SERVICE_OPTIONS)
def test_a_choice_for_a_service_that_can_not_work_is_refused_with_advice(fields: dict[str, Any], advice: str) -> None:
    with pytest.raises(ValidationError) as refused:
        options(**fields)
    assert advice in str(refused.value)


REFUSED_CLUSTER_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"registry": "team/x"}, "is not a registry"),
    ({"image_pull_secrets": ["Not_A_Name"]}, "is not a name"),
    ({"image_pull_secrets": [f"s{n}" for n in range(9)]}, "at most 8"),
    ({"storage_class": "a b"}, "is not a name"),
    ({"node_selector": {"a b": "c"}}, "is not the name of a label"),
    ({"node_selector": {"pool": "a b"}}, "is not the value of a label"),
    ({"node_selector": {"nvidia.com/gpu.product": "Tesla-T4"}}, "follows from gpu_type"),
    ({"tolerations": [{"operator": "Equal"}]}, "must be Exists"),
    ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "leave it out"),
    ({"tolerations": [{"key": "a", "effect": "NoSchedule", "toleration_seconds": 1}]}, "needs the effect NoExecute"),
    ({"ingress": {"host": "localhost"}}, "is not a host name"),
    ({"labels": {"app": "x"}}, "app can't be chosen"),
    ({"labels": {"ecp.ai/tenant": "x"}}, "ecp.ai/tenant can't be chosen"),
    ({"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}, "can't be chosen"),
    ({"annotations": {"simulator.ecp.ai/fail": "x"}}, "can't be chosen"),
    ({"annotations": {"example.com/x": "a\x00b"}}, "control characters"),
    ({"annotations": {"container.apparmor.security.beta.kubernetes.io/callbot": "unconfined"}}, "can't be chosen"),
    ({"annotations": {"volume.beta.kubernetes.io/storage-class": "slow"}}, "can't be chosen"),
    ({"annotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"}}, "can't be chosen"),
    ({"annotations": {"nginx.ingress.kubernetes.io/server-alias": "b.example.com"}}, "of other tenants"),
    ({"annotations": {"nginx.ingress.kubernetes.io/auth-proxy-set-headers": "other/map"}}, "of other tenants"),
    ({"annotations": {f"example.com/{n}": "x" * 1024 for n in range(3)}}, "more than 2048 characters"),
]


@pytest.mark.parametrize(("fields", "advice"), REFUSED_CLUSTER_OPTIONS)
def test_a_choice_for_the_cluster_that_can_not_work_is_refused_with_advice(fields: dict[str, Any], advice: str) -> None:
    with pytest.raises(ValidationError) as refused:
        cluster(**fields)
    assert advice in str(refused.value)


def test_the_environments_of_all_services_together_are_bounded() -> None:
    full = {"environment": {f"A{n}": "x" * 4096 for n in range(8)}}
    assert spec(service_options={f"s{n}": full for n in range(4)})
    with pytest.raises(ValidationError, match="more than 131072 characters"):
        spec(service_options={f"s{n}": full for n in range(5)})


def test_numbers_stand_for_texts_where_texts_are_meant() -> None:
    chosen = options(environment={"WORKERS": 4, "DEBUG": False}, resources={"requests": {"cpu": 0.5}})
    assert chosen.environment == {"WORKERS": "4", "DEBUG": "false"}
    assert chosen.resources is not None
    assert chosen.resources.requests.cpu_m == 500
    assert options(replicas="3").fixed_replicas == 3
    assert options(autoscaling={"min_replicas": 2}).fixed_replicas == 2


def test_a_specification_travels_with_its_choices_and_an_older_one_has_none() -> None:
    full = spec(
        service_options={"callbot": {"image": "a.example/b:1", "environment": {"A": "x"}, "replicas": 3}},
        cluster_options={"registry": "a.example", "tolerations": [], "ingress": {"host": "a.example"}},
    )
    assert TenantSpec.model_validate_json(full.model_dump_json()) == full
    assert TenantSpec.model_validate(full.model_dump(mode="json", exclude_none=True)) == full
    assert (spec().service_options, spec().cluster_options) == ({}, ClusterOptions())


def test_defaults_of_a_target_fill_what_is_not_chosen_and_labels_add_up() -> None:
    defaults = cluster(
        registry="default.example",
        node_selector={"pool": "voice"},
        tolerations=[{"key": "voice", "operator": "Exists"}],
        ingress={"class_name": "haproxy", "host": "a.example"},
        labels={"team": "platform", "cost": "1"},
    )
    own = cluster(registry="own.example", tolerations=[], ingress={"host": "b.example"}, labels={"team": "voice"})
    found = own.over(defaults)
    assert found.registry == "own.example"
    assert found.node_selector == {"pool": "voice"}
    assert found.tolerations == ()
    assert (found.ingress.class_name, found.ingress.host) == ("haproxy", "b.example")
    assert found.labels == {"team": "voice", "cost": "1"}
    assert ClusterOptions().over(ClusterOptions()) == ClusterOptions()
    assert ClusterOptions().over(defaults) == defaults


def test_the_gpu_s_nodes_and_the_chosen_ones_must_both_match() -> None:
    chosen = cluster(node_selector={"pool": "a"}, tolerations=[{"key": "k", "value": "v", "effect": "NoSchedule"}])
    found = placement_of(chosen, "Tesla-T4")
    assert found["nodeSelector"] == {"pool": "a", "nvidia.com/gpu.product": "Tesla-T4"}
    assert [each["key"] for each in found["tolerations"]] == ["nvidia.com/gpu", "k"]
    assert placement_of(ClusterOptions(), None) == {}
    evicted = Toleration(key="k", operator="Exists", effect="NoExecute", toleration_seconds=60)
    assert evicted.rendered() == {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}


def test_the_defaults_of_targets_are_read_from_toml() -> None:
    found = parse_defaults('[kubernetes]\nregistry = "r.example"\n[kubernetes.ingress]\nclass_name = "haproxy"\n')
    assert found == {"kubernetes": cluster(registry="r.example", ingress={"class_name": "haproxy"})}
    assert parse_defaults("") == {}


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[kubernetes", "not TOML"),
        ('[kubernets]\nregistry = "r.example"', "unknown target 'kubernets'; known: simulator, kubernetes"),
        ('[kubernetes]\nregistri = "r.example"', "kubernetes.registri"),
        ('[kubernetes]\nregistry = "http://x"', "kubernetes.registry: 'http://x' is not a registry"),
        ('[kubernetes.ingress]\nhost = "voice.example.com"', "kubernetes.ingress.host: a host belongs to one tenant"),
    ],
)
def test_defaults_that_can_not_be_are_refused_with_their_field(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse_defaults(text)
