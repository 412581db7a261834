"""Whatever a text holds, it costs a bounded time and memory, and it has a finding or is simply valid."""

import json
import time
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.http.translations import korean
from services.manifest.rendering import to_yaml
from services.manifest.validation import CODES, ValidationOptions, validate_objects, validate_text
from services.manifest.validation.lines import locate
from shared.reading.scalars import resolve
from shared.reading.yaml_text import MAX_NODES, read
from tests.support.examples import examples
from tests.support.tenants import CATALOG, TENANTS

_MOST_CPU_SECONDS = 10.0
"""Of process time, which a busy machine hardly lengthens; the worst of these takes about two."""
_MOST_MEMORY = 200 * 2**20


def bomb(levels: int) -> str:
    lines = ['a0: &a0 ["lol","lol","lol","lol","lol","lol","lol","lol","lol"]']
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


CONTAINER = "{name: c, image: i, env: [{name: A, valueFrom: {}}], ports: [{containerPort: 0}]}"
SELECTED = "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, labels: {a: b}}\nspec: {containers: [" + CONTAINER + "]}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s%d}\nspec: {selector: {a: b}, ports: [{port: 1}]}\n"
HOSTILE: dict[str, str | bytes] = {
    "a billion laughs": bomb(12),
    "laughs that just fit": bomb(5),
    "50 MB of one scalar": "x" * (50 * 2**20),
    "50 MB of bytes that are no text": b"\xff" * (50 * 2**20),
    "10,000 documents": "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n" * 10_000,
    "2,000 pods and services that select each other": "---\n".join(
        [SELECTED % n for n in range(1000)] + [SERVICE % n for n in range(1000)]
    ),
    "one object with as many wrong fields as fit": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    + "".join(f"field{n}: 1\n" for n in range(60_000)),
    "one object with as many wrong values as fit": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n"
    + "".join(f"  k{n}: {n}\n" for n in range(60_000)),
    "100,000 brackets": "[" * 100_000,
    "100,000 braces and keys": "{a: " * 100_000,
    "nested lists in block style": "- " * 10_000,
    "a deep indentation": "".join(" " * n + "a:\n" for n in range(1500)),
    "a key of a megabyte": "? " + "k" * 2**20 + "\n: v\n",
    "keys that are collections": "? {a: 1}\n: 1\n? [1]\n: 2\n",
    "duplicate keys by the thousand": "a: 1\n" * 50_000,
    "numbers of a million digits": "a: " + "9" * 2**20,
    "exponents": "a: 1e999999999\nb: -1e999999999\nc: 0x" + "f" * 5000,
    "tags that construct": "!!python/object/apply:os.system ['touch /tmp/owned']",
    "NULs": "a: \0\0\0",
    "surrogates": "a: \ud800",
    "a merge of everything": "a: &a {b: 1}\n" + "".join(f"c{n}: {{<<: [*a, *a, *a]}}\n" for n in range(5000)),
    "anchors by the thousand": "".join(f"a{n}: &x{n} 1\n" for n in range(30_000)),
    "comments only": "#\n" * 500_000,
    "an unfinished quote": "a: '" + "x" * 2**20,
    "directives": "%YAML 1.2\n" * 1000,
    "colons": ":" * 2**20,
    "question marks": "? " * 5000,
    "2,000 quotas and limit ranges": "---\n".join(
        [SELECTED % n for n in range(700)]
        + [
            f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: q{n}}}\nspec: {{{spec}}}\n"
            for n in range(600)
            for kind, spec in (
                ("ResourceQuota", "hard: {requests.cpu: 1, limits.memory: 1}"),
                ("LimitRange", "limits: [{type: Container, max: {cpu: 1}}]"),
            )
        ]
    ),
    "containers that ask for resources by the thousand": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n"
    + "".join(
        f"  {kind}:\n"
        + "".join(
            f"  - {{name: {kind[0]}{n}, image: i, restartPolicy: Always, resources: {{requests: {{{asked}}}}}}}\n"
            for n in range(700)
            for asked in [", ".join(f"a.b/{kind[0]}{n}-{m}: 1" for m in range(60))]
        )
        for kind in ("initContainers", "containers")
    ),
    "JSON that is nothing but escapes": '{"a": "' + "\\ud83d\\ude00\\/" * 200_000 + '"}',
    "a schedule of a megabyte": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: '"
    + "*/5," * 250_000
    + "* * * *'}\n",
    "quantities": "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: a}\nspec: {hard: {cpu: "
    + "9" * 1000
    + "e"
    + "9" * 100
    + "}}\n",
    "labels of all sizes": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {"
    + ", ".join(f"{'a/' * 30}b{n}: '{'-' * 100}'" for n in range(2000))
    + "}}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.slow
def test_hostile_text_costs_little_and_is_answered(name: str) -> None:
    began = time.process_time()
    verdict = validate_text(HOSTILE[name], ValidationOptions(simulator=True), CATALOG)
    spent = time.process_time() - began
    assert verdict.findings or verdict.valid
    assert len(verdict.findings) <= 201
    assert spent < _MOST_CPU_SECONDS


@pytest.mark.parametrize("name", ["a billion laughs", "50 MB of one scalar", "laughs that just fit"])
def test_hostile_text_takes_little_memory(name: str) -> None:
    text = HOSTILE[name]
    tracemalloc.start()
    validate_text(text, ValidationOptions(), CATALOG)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < _MOST_MEMORY


def test_what_aliases_stand_for_is_counted() -> None:
    assert [each.code for each in read(bomb(12)).problems] == ["TOO_MANY_NODES"]
    assert read(bomb(5)).problems == ()
    assert MAX_NODES > 9**5


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
SMALL = to_yaml(TENANTS["analysis-only"].render())
OBJECTS = [each for tenant in TENANTS.values() for each in tenant.render()]


@examples(150)
@given(st.text() | st.binary())
def test_any_text_and_any_bytes_are_answered(text: str | bytes) -> None:
    for finding in validate_text(text, ValidationOptions(), CATALOG).findings:
        assert finding.code in CODES


def _mutated(data: st.DataObject, value: Any) -> Any:
    """The value with something else somewhere in it."""
    if not isinstance(value, (dict, list)) or not value or data.draw(st.integers(0, 4)) == 0:
        return data.draw(TREES)
    if isinstance(value, list):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], _mutated(data, value[index]), *value[index + 1 :]]
    key = data.draw(st.sampled_from(sorted(value)))
    return {**value, key: _mutated(data, value[key])}


@pytest.mark.parametrize("kind", ["Deployment", "Ingress", "HorizontalPodAutoscaler", "Namespace", "Service", "List"])
def test_of_what_has_no_schema_nothing_is_taken_for_granted(kind: str) -> None:
    """Found by atheris: a known kind in an unknown version is no known kind."""
    spec = {
        name: [[{}], {"a": 1}, None] for name in ("tls", "rules", "selector", "ports", "scaleTargetRef", "template")
    }
    broken = {"apiVersion": "v9", "kind": kind, "metadata": {"name": "a", "labels": [1]}, "spec": spec, "items": [1]}
    assert not validate_objects([broken, *OBJECTS], ValidationOptions(simulator=True), CATALOG).valid


@examples(250)
@given(st.data())
def test_an_object_with_anything_anywhere_is_answered(data: st.DataObject) -> None:
    """No value of no field makes a check fail instead of finding something."""
    index = data.draw(st.integers(0, len(OBJECTS) - 1))
    broken = _mutated(data, OBJECTS[index])
    verdict = validate_objects([*OBJECTS[:3], broken, OBJECTS[-1]], ValidationOptions(simulator=True), CATALOG)
    assert all(each.message and korean().translate(each.code, each.params) for each in verdict.findings)


@example([{"": 10**19 + 1}])
@examples(40)
@given(st.lists(TREES.filter(lambda tree: isinstance(tree, dict)), max_size=3))
def test_what_we_write_is_read_as_it_was(objects: list[Any]) -> None:
    """Other than in PyYAML's reader, only numbers that no JSON has are a problem."""
    reading = read(to_yaml(objects))
    if not reading.problems:
        assert [each.value for each in reading.documents] == as_an_api_server_has_it(objects)


def as_an_api_server_has_it(tree: Any) -> Any:
    """Its whole numbers have 64 bits; it keeps the first digits of a larger one."""
    if isinstance(tree, dict):
        return {key: as_an_api_server_has_it(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [as_an_api_server_has_it(value) for value in tree]
    return float(tree) if isinstance(tree, int) and abs(tree) >= 10**19 else tree


@examples(30)
@given(st.data())
def test_lines_are_where_the_text_has_the_key(data: st.DataObject) -> None:
    text = SMALL
    documents = read(text).documents
    document = data.draw(st.sampled_from(documents))
    pointer: list[str | int] = []
    value = document.value
    while isinstance(value, (dict, list)) and value and data.draw(st.booleans()):
        key: Any = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        pointer.append(key)
        value = value[key]
    spot = (document.index, tuple(pointer))
    line, column = locate(text, [spot])[spot]
    here = text.splitlines()[line - 1][column - 1 :]
    if pointer and isinstance(pointer[-1], str):
        assert here.startswith((f"{pointer[-1]}:", f'"{pointer[-1]}":'))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("y", True), ("NO", False), ("~", None), ("", None), ("0777", 511), ("0o17", 15),
        ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("1e3", 1000), (".5", 0.5), ("1.", 1), ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), ("1e3x", "1e3x"), ("-0", 0), ("08", 8), ("+1", 1), ("-", "-"),
    ],
)  # fmt: skip
def test_plain_scalars_are_read_as_the_api_server_reads_them(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


JSON_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | JSON_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@examples(150)
@given(st.dictionaries(JSON_TEXTS, JSON_VALUES, min_size=1, max_size=3), st.booleans(), st.sampled_from([None, 2]))
def test_json_is_read_as_json_in_any_notation(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """With pairs of surrogates for an emoji, as Python writes them, and with an escaped slash, as PHP does."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).replace("/", "\\/")
    reading = read(text)
    assert reading.problems == ()
    assert [each.value for each in reading.documents] == [value]


def test_a_merge_is_one_without_quotes_and_a_key_in_quotes() -> None:
    [document] = read('a: &a {b: 1}\nc: {<<: *a, d: 2}\ne: {"<<": *a}').documents
    assert document.value == {"a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": {"<<": {"b": 1}}}


def test_what_only_looks_like_json_is_left_as_it_is() -> None:
    [document] = read("{a: 'x\\/y', b: x\\/y}").documents
    assert document.value == {"a": "x\\/y", "b": "x\\/y"}


def test_lines_are_right_in_json_with_escapes_too() -> None:
    text = '{"apiVersion": "v1",\n "kind": "ConfigMap",\n "metadata": {"name": "a\\/b \\ud83d\\ude00"},\n "dta": {}}'
    findings = validate_text(text, ValidationOptions(), CATALOG).findings
    assert [(each.code, each.line) for each in findings] == [("FIELD_INVALID", 3), ("UNKNOWN_FIELD", 4)]
    assert "a/b 😀" in findings[0].message


@pytest.mark.parametrize("name", TENANTS)
def test_our_reader_agrees_with_pyyaml_on_what_we_write(name: str) -> None:
    text = to_yaml(TENANTS[name].render())
    assert [each.value for each in read(text).documents] == list(yaml.load_all(text, Loader=yaml.CSafeLoader))
