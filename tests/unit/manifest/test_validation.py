"""Every finding: what brings it up, and where it points to."""

import copy
from functools import cache
from itertools import pairwise

import pytest

from services.gateway.http.translations import korean
from services.manifest.rendering import to_yaml
from services.manifest.validation import CODES, ValidationOptions, validate_objects, validate_text
from services.manifest.validation.deprecation import CHANGES
from services.simulator.resources import RESOURCES
from shared.kube.definitions import definitions
from shared.kube.kinds import KINDS, SIMULATED
from shared.rpc import CapacityReply, Finding, NodeCapacity
from tests.support.tenants import CATALOG, Tenant

from .faults import BOX, CASES, GOOD, POD, Change, by_name, found, put


@pytest.mark.parametrize(("code", "pointer", "change"), CASES, ids=[f"{c} {p or 'whole'}" for c, p, _ in CASES])
def test_a_fault_is_found_where_it_is(code: str, pointer: str, change: Change) -> None:
    objects = copy.deepcopy(GOOD)
    change(by_name(objects))
    findings = found(objects)
    assert (code, pointer) in {(each.code, each.pointer) for each in findings}, findings


def test_a_good_manifest_has_no_findings() -> None:
    assert found(GOOD, simulator=True, tenant_id="good") == []


TEXTS: dict[str, tuple[str | bytes, int | None, int | None]] = {
    "YAML_SYNTAX": ("a: b: c", 1, 5),
    "INVALID_UTF8": (b"kind: A\nx: \xff", 2, 4),
    "CHARACTER_REFUSED": ("kind: A\nx: \0", 2, 4),
    "ALIAS_UNKNOWN": ("a: *b", 1, 4),
    "ALIAS_RECURSIVE": ("a: &a [*a]", 1, 8),
    "TAG_REFUSED": ("a: !!python/object/apply:os.system [ls]", 1, 4),
    "DUPLICATE_KEY": ("a: 1\nb: 2\na: 3", 3, 1),
    "KEY_NOT_A_STRING": ("kind: A\non: 1", 2, 1),
    "KEY_UNUSABLE": ("? [a]\n: 1", 1, 5),
    "VALUE_UNUSABLE": ("a: .nan", 1, 4),
    "TOO_DEEP": ("[" * 100, 1, 65),
    "TOO_MANY_DOCUMENTS": ("--- {}\n" * 3000, 2001, 1),
    "TOO_MANY_NODES": ("[" + "1," * 300_000 + "]", 1, None),
    "TOO_LARGE": ("#" * (5 * 2**20), 1, 1),
    "NOT_AN_OBJECT": ("---\na: 1\n---\n- 1", 4, 1),
    "EMPTY_MANIFEST": ("# nothing\n", None, None),
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_fault_of_the_text_has_a_line_and_a_column(code: str) -> None:
    text, line, column = TEXTS[code]
    verdict = validate_text(text, ValidationOptions(), CATALOG)
    finding = next(each for each in verdict.findings if each.code == code)
    assert finding.line == line
    assert column is None or finding.column == column
    assert not verdict.valid


MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
# a comment moves what follows
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replica: 3
  template:
    spec:
      containers:
        - name: one
          image: a:1
        - name: two
          imagee: b:1
"""


@pytest.mark.parametrize(("code", "pointer", "change"), CASES, ids=[f"{c} {p or 'whole'}" for c, p, _ in CASES])
def test_a_finding_has_place_message_and_advice_in_both_languages(code: str, pointer: str, change: Change) -> None:
    """Whatever is wrong: a stable code, the object, the place in the text, a message and advice, in both languages."""
    objects = copy.deepcopy(GOOD)
    change(by_name(objects))
    text = to_yaml(objects)
    verdict = validate_text(text, ValidationOptions(), CATALOG)
    finding = next(each for each in verdict.findings if (each.code, each.pointer) == (code, pointer))
    assert finding.object or code == "OBJECT_UNIDENTIFIED"
    assert finding.severity == CODES[code].severity
    assert finding.line is not None
    assert finding.column is not None
    assert_is_at(text, finding)
    for sentence in (finding.message, finding.advice):
        assert sentence
        assert "{" not in sentence.replace(str(finding.pointer), "") or "Invalid value" in sentence
    for attribute in (None, "advice"):
        translated = korean().translate(finding.code, finding.params, attribute)
        assert translated is not None
        assert any("가" <= letter <= "힣" for letter in translated)


def assert_is_at(text: str, finding: Finding) -> None:
    """The line has the key that the pointer ends with, or what it would have to be in."""
    assert finding.line is not None
    line = text.splitlines()[finding.line - 1].strip().removeprefix("- ").replace('"', "")
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in finding.pointer.split("/")[1:]]
    within = [token for token in tokens if not token.isdecimal()]
    begins_an_item = bool(tokens) and tokens[-1].isdecimal()
    assert begins_an_item or not within or any(line.startswith(f"{token}:") for token in within), (finding, line)


def test_findings_have_the_line_of_the_key_in_the_text() -> None:
    findings = validate_text(MANIFEST, ValidationOptions(), CATALOG).findings
    places = {each.pointer: (each.line, each.column) for each in findings if each.code == "UNKNOWN_FIELD"}
    assert places == {"/spec/replica": (11, 3), "/spec/template/spec/containers/1/imagee": (18, 11)}
    [missing] = [each for each in findings if each.pointer == "/spec/selector"]
    assert missing.line == 10, "what isn't there is missing from what is"


def test_an_unknown_field_is_reported_in_the_api_servers_words_with_what_may_be_meant() -> None:
    [finding] = [each for each in found([{**GOOD[0], "spec": {"finalisers": []}}]) if each.code == "UNKNOWN_FIELD"]
    assert finding.message == 'unknown field "spec.finalisers"'
    assert korean().translate(finding.code, finding.params) == '알 수 없는 필드 "spec.finalisers"입니다.'
    assert 'did you mean "finalizers"' in finding.advice


def test_all_faults_of_an_object_are_found_at_once() -> None:
    objects = copy.deepcopy(GOOD)
    for pointer in ("/spec/paused", "/spec/minReadySeconds", f"{BOX}/image", f"{BOX}/resources/limits/cpu"):
        put(pointer, ["no"])(by_name(objects))
    assert len([each for each in found(objects) if each.code == "WRONG_TYPE"]) == 4


def test_gpus_are_whole_and_equal() -> None:
    objects = copy.deepcopy(Tenant("gpu", {"tts": 10}).render())
    box = by_name(objects)["Deployment tts"]["spec"]["template"]["spec"]["containers"][0]
    box["resources"]["limits"]["nvidia.com/gpu"] = "2"
    assert any("must be equal to nvidia.com/gpu limit of 2" in each.message for each in found(objects))
    box["resources"]["limits"]["nvidia.com/gpu"] = box["resources"]["requests"]["nvidia.com/gpu"] = "0.5"
    assert any("must be an integer" in each.message for each in found(objects))


def test_a_list_is_taken_apart_and_its_items_have_their_places() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dta: {}}\n"
    [finding] = validate_text(text, ValidationOptions(), CATALOG).findings
    assert (finding.object, finding.pointer, finding.line) == ("ConfigMap default/a", "/dta", 4)


A_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dta: {}}"


@pytest.mark.parametrize(
    "text",
    [
        f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items: [{A_MAP}]\n",
        f"apiVersion: v1\nkind: ConfigMapList\nitems: [{A_MAP}]\n",
        "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}, dta: {}}]\n",
        f"---\n---\n# nothing\n---\n{A_MAP}\n---\n~\n",
    ],
)
def test_objects_are_found_in_lists_of_lists_in_lists_of_a_kind_and_between_empty_documents(text: str) -> None:
    [finding] = validate_text(text, ValidationOptions(), CATALOG).findings
    assert (finding.code, finding.object, finding.pointer) == ("UNKNOWN_FIELD", "ConfigMap default/a", "/dta")


@pytest.mark.parametrize(
    "text", ["", "---\n---\n", "apiVersion: v1\nkind: List\n", "{apiVersion: v1, kind: List, items: []}"]
)
def test_nothing_is_no_manifest(text: str) -> None:
    assert [each.code for each in validate_text(text, ValidationOptions(), CATALOG).findings] == ["EMPTY_MANIFEST"]


def test_an_impossible_key_is_left_out_and_reported_once() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  null: a\n  ? [x]\n  : b\n"
    findings = validate_text(text, ValidationOptions(), CATALOG).findings
    assert [(each.code, each.line) for each in findings] == [("KEY_UNUSABLE", 5), ("KEY_UNUSABLE", 6)]


def test_two_objects_of_one_name_are_one_too_many() -> None:
    # One that takes nothing from the quota, or that would be a second fault.
    again = next(each for each in GOOD if each["kind"] == "ConfigMap")
    assert [each.code for each in found([*GOOD, again])] == ["DUPLICATE_OBJECT"]


def test_a_manifest_of_several_namespaces_or_of_another_tenant_is_noticed() -> None:
    stray = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "elsewhere"}}
    assert {each.code for each in found([*GOOD, stray], tenant_id="good")} == {
        "NAMESPACES_MIXED",
        "NAMESPACE_UNEXPECTED",
    }


@pytest.mark.parametrize(
    ("version", "code"), [("1.28.0", None), ("1.33.0", "API_DEPRECATED"), ("1.37.0", "API_DEPRECATED")]
)
def test_a_deprecated_api_is_found_from_the_version_on_that_deprecates_it(version: str, code: str | None) -> None:
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a"}}
    assert [each.code for each in found([endpoints], version=version)] == ([code] if code else [])


VERSIONS = [f"1.{minor}.0" for minor in range(28, 38)]


@cache
def served(version: str) -> set[tuple[str, str]]:
    kinds = definitions(version).kinds()
    return {(f"{group}/{name}" if group else name, kind) for group, name, kind in kinds if not kind.endswith("List")}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_table_calls_removed_is_not_in_the_definitions(version: str) -> None:
    minor = int(version.split(".")[1])
    gone = {key for key, change in CHANGES.items() if change.removed and int(change.removed[2:]) <= minor}
    assert gone & served(version) == set()


@pytest.mark.parametrize(("before", "after"), list(pairwise(VERSIONS)))
def test_everything_that_a_version_stops_serving_is_in_the_table(before: str, after: str) -> None:
    removed = {key for key, change in CHANGES.items() if f"{change.removed}.0" == after}
    assert served(before) - served(after) <= removed


@pytest.mark.parametrize(
    ("version", "replacement"), [("1.32.0", "networking.k8s.io/v1beta1"), ("1.33.0", "networking.k8s.io/v1")]
)
def test_what_replaces_a_removed_api_is_what_that_version_serves(version: str, replacement: str) -> None:
    address = {"apiVersion": "networking.k8s.io/v1alpha1", "kind": "IPAddress", "metadata": {"name": "a"}}
    [finding] = found([address], version=version)
    assert (finding.code, finding.advice) == ("API_REMOVED", f"Use {replacement}.")
    assert "1.31" in finding.message


def test_without_strictness_what_kubernetes_would_drop_or_wait_for_is_a_warning() -> None:
    objects = copy.deepcopy(GOOD)
    put("/spec/replica", 3)(by_name(objects))
    assert not validate_objects(objects, ValidationOptions(strict=True), CATALOG).valid
    assert validate_objects(objects, ValidationOptions(strict=False), CATALOG).valid


def test_the_simulators_kinds_are_those_that_it_serves() -> None:
    served = {(each.api_version, each.kind) for each in RESOURCES if not each.computed}
    assert {KINDS[name].kind for name in SIMULATED} == served


def test_a_kind_that_the_simulator_lacks_makes_a_manifest_incompatible_and_not_invalid() -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "a"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "nfs": {"server": "s", "path": "/"}},
    }
    verdict = validate_objects([volume], ValidationOptions(simulator=True), CATALOG)
    assert (verdict.valid, verdict.simulator_compatible) == (True, False)
    assert [each.code for each in verdict.findings] == ["SIMULATOR_UNSERVED"]


CARELESS = {
    "PROBE_IMPATIENT": (f"{BOX}/startupProbe", f"{BOX}/livenessProbe"),
    "RUNS_AS_ROOT": (f"{POD}/securityContext", f"{BOX}/securityContext"),
    "SECCOMP_MISSING": (f"{POD}/securityContext", f"{BOX}/securityContext"),
}


@pytest.mark.parametrize("code", CARELESS)
def test_what_takes_two_omissions_is_found(code: str) -> None:
    first, second = CARELESS[code]
    objects = copy.deepcopy(GOOD)
    put(first, None)(by_name(objects))
    impatient = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}
    put(second, impatient if code == "PROBE_IMPATIENT" else {})(by_name(objects))
    assert code in {each.code for each in found(objects)}


def test_a_quota_on_what_a_container_does_not_state_refuses_its_pods() -> None:
    objects = [each for each in copy.deepcopy(GOOD) if each["kind"] != "LimitRange"]
    put(f"{BOX}/resources/limits/cpu", None)(by_name(objects))
    assert "QUOTA_WITHOUT_VALUE" in {each.code for each in found(objects)}


def test_open_doors_are_found() -> None:
    rule = {"host": "a.b", "http": {"paths": []}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "a"},
        "spec": {"rules": [rule]},
    }
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    codes = {each.code for each in found([ingress, {**role, "rules": [everything]}])}
    assert {"INGRESS_WITHOUT_TLS", "ROLE_TOO_WIDE"} <= codes


def node(**free: str) -> NodeCapacity:
    amounts = {name.replace("gpu", "nvidia.com/gpu"): value for name, value in free.items()}
    return NodeCapacity(name="n", allocatable={"cpu": "64", "memory": "256Gi"}, free=amounts)


def test_capacity_is_held_against_sums_and_against_single_nodes() -> None:
    tight = CapacityReply(target="x", nodes=(node(cpu="15", memory="100Gi"),))
    assert [each.code for each in found(GOOD, capacity=tight)][:1] == ["CAPACITY_EXCEEDED"]
    scattered = CapacityReply(target="x", nodes=tuple(node(cpu="900m", memory="100Gi") for _ in range(200)))
    assert "POD_FITS_NOWHERE" in {each.code for each in found(GOOD, capacity=scattered)}
    nearly_full = CapacityReply(target="x", nodes=(node(cpu="24", memory="200Gi", gpu="8"),))
    assert "CAPACITY_TIGHT" in {each.code for each in found(GOOD, capacity=nearly_full)}
    assert [each.code for each in found(GOOD, capacity="no deployer answered")] == ["CAPACITY_UNKNOWN"]


def test_after_the_most_findings_a_last_one_reports_that_there_are_more() -> None:
    careless = [{"apiVersion": "v1", "kind": f"Nope{n}", "metadata": {"name": "a"}} for n in range(300)]
    findings = found(careless)
    assert len(findings) == 201
    assert findings[-1].code == "TOO_MANY_FINDINGS"


def test_every_code_is_brought_up_by_a_test_here() -> None:
    here = {code for code, _, _ in CASES} | TEXTS.keys() | CARELESS.keys()
    elsewhere = {
        "API_DEPRECATED", "DUPLICATE_OBJECT", "NAMESPACES_MIXED", "NAMESPACE_UNEXPECTED", "SIMULATOR_UNSERVED",
        "QUOTA_WITHOUT_VALUE", "INGRESS_WITHOUT_TLS", "ROLE_TOO_WIDE", "CAPACITY_EXCEEDED", "CAPACITY_TIGHT",
        "POD_FITS_NOWHERE", "CAPACITY_UNKNOWN", "TOO_MANY_FINDINGS",
    }  # fmt: skip
    assert here | elsewhere == CODES.keys()


def test_the_summary_has_the_documented_fields_and_the_calculators_sums() -> None:
    tenant = Tenant("sums", {"callbot": 100, "chatbot": 200})
    verdict = validate_objects(tenant.render(), ValidationOptions(), CATALOG)
    summary = verdict.resource_summary
    redis_cpu_m = 250
    assert int(summary.total_cpu.removesuffix("m")) == int(tenant.sizing.resources.cpu.removesuffix("m")) + redis_cpu_m
    assert summary.total_gpu == tenant.sizing.resources.gpu
    assert summary.estimated_pods == sum(each.replicas for each in tenant.sizing.services) + 1
    assert summary.estimated_cost.startswith("$")
    assert verdict.deployment_time.endswith("minutes")
