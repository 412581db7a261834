"""Decoding: the normal form of objects, and the messages for invalid ones; no input causes a 500."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from services.simulator.api.validation.defaulting import with_defaults
from services.simulator.settings import SimulatorSettings
from shared.kube.definitions import Schema, definitions
from shared.kube.validation import DecodeError, decode, missing_required
from tests.support.examples import examples
from tests.support.simulator_api import DEPLOYMENTS, JSON_PATCH, MERGE, STRATEGIC, Api, deployment


def schema(kind: str = "Deployment", group: str = "apps") -> Schema:
    found = definitions().for_kind(group, "v1", kind)
    assert found is not None
    return found


def containing(**fields: Any) -> dict[str, Any]:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0].update(fields)
    return body


def test_quantities_become_canonical_and_nulls_go() -> None:
    body = containing(resources={"limits": {"cpu": 0.5, "memory": "1024Mi"}}, workingDir=None)
    container = decode(body, schema()).value["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"cpu": "500m", "memory": "1Gi"}}
    assert "workingDir" not in container


def test_the_argument_is_not_changed() -> None:
    body = containing(resources={"limits": {"cpu": 0.5}}, extra=1)
    before = copy.deepcopy(body)
    decode(body, schema())
    assert body == before


def test_unknown_fields_are_named_with_their_place_and_dropped() -> None:
    decoded = decode({**containing(comand=["x"]), "sepc": {}}, schema())
    assert decoded.strict_errors() == [
        'unknown field "spec.template.spec.containers[0].comand"',
        'unknown field "sepc"',
    ]
    assert "sepc" not in decoded.value


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            deployment(replicas="2"),
            "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            deployment(replicas=1.5),
            "cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of",
        ),
        (
            deployment(paused="no"),
            "cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
        ),
        (deployment(template=[]), "cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type"),
        (
            containing(env=[{"name": "A", "value": 1}]),
            "cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type",
        ),
        (
            containing(ports={}),
            "cannot unmarshal object into Go struct field Container.spec.template.spec.containers.ports",
        ),
        (containing(resources={"limits": {"cpu": "banana"}}), "quantities must match the regular expression"),
        (
            {**deployment(), "metadata": {"labels": {"a": 1}}},
            "cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        ({**deployment(), "metadata": {"creationTimestamp": "now"}}, 'parsing time "now" as'),
    ],
)
def test_wrong_types_are_refused_in_gos_words(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(body, schema())
    assert sentence in str(refused.value)


def test_required_fields_are_found_at_every_depth() -> None:
    body = containing(ports=[{"name": "http"}])
    del body["spec"]["selector"]
    assert list(missing_required(body, schema())) == [
        "spec.selector",
        "spec.template.spec.containers[0].ports[0].containerPort",
    ]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1", "IfNotPresent"),
        ("registry.example:5000/web", "Always"),
        ("registry.example:5000/web:1", "IfNotPresent"),
        ("web@sha256:0", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    spec = with_defaults(containing(image=image), schema())["spec"]
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_probes_and_volumes_get_their_defaults() -> None:
    body = containing(readinessProbe={"httpGet": {"port": 80}})
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "scratch"}, {"name": "c", "configMap": {"name": "c"}}]
    inner = with_defaults(body, schema())["spec"]["template"]["spec"]
    probe = inner["containers"][0]["readinessProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"], probe["timeoutSeconds"]) == (10, 3, 1)
    assert probe["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}
    assert inner["volumes"][0] == {"name": "scratch", "emptyDir": {}}
    assert inner["volumes"][1]["configMap"]["defaultMode"] == 0o644


def test_defaults_never_replace_what_was_sent() -> None:
    body = deployment(replicas=0, strategy={"type": "Recreate"}, revisionHistoryLimit=0)
    spec = with_defaults(body, schema())["spec"]
    assert (spec["replicas"], spec["strategy"], spec["revisionHistoryLimit"]) == (0, {"type": "Recreate"}, 0)


def test_the_settings_defaults_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIMULATOR_PORT", "PORT", "SIMULATOR_DATABASE_URL", "SIMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    found = SimulatorSettings()
    assert (found.host, found.port, found.database_url) == ("127.0.0.1", 6360, None)
    assert (found.speed, found.seed, found.write_timeout, found.graceful_timeout) == (1.0, 0, 5.0, 3)


_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=4) | st.just(1.5)
_NAMES = st.sampled_from(["name", "spec", "$patch", "$retainKeys", "$setElementOrder/containers", "labels", "x"])
_JUNK = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2), max_leaves=4
)


@st.composite
def broken_deployments(draw: st.DrawFn) -> dict[str, Any]:
    """A Deployment with anything in the place of one of its values."""
    body = deployment(replicas=2, strategy={"type": "RollingUpdate"})
    body["metadata"]["managedFields"] = [{"manager": "x", "operation": "Update", "fieldsV1": {"f:spec": {}}}]
    holder: Any = body
    while True:
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))))
        if not holder[key] or not isinstance(holder[key], (dict, list)) or draw(st.booleans()):
            holder[key] = draw(_JUNK)
            return body
        holder = holder[key]


@examples(150, suppress_health_check=[HealthCheck.too_slow])
@given(body=broken_deployments(), how=st.sampled_from(["post", "put", "apply", MERGE, STRATEGIC, JSON_PATCH]))
async def test_no_body_makes_an_internal_error(body: dict[str, Any], how: str) -> None:
    api = Api()
    await api.apply(f"{DEPLOYMENTS}/web", deployment(), "first")
    if how == "post":
        reply = await api.post(DEPLOYMENTS, body)
    elif how == "put":
        reply = await api.request("PUT", f"{DEPLOYMENTS}/web", body)
    elif how == "apply":
        reply = await api.apply(f"{DEPLOYMENTS}/web", {**body, "metadata": {"name": "web"}}, force="true")
    elif how == JSON_PATCH:
        operation = {"op": "replace", "path": "/spec", "value": body["spec"]}
        reply = await api.patch(f"{DEPLOYMENTS}/web", [operation], how)
    else:
        reply = await api.patch(f"{DEPLOYMENTS}/web", body, how)
    assert reply.body.get("reason") != "InternalError", reply.body
