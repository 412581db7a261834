"""Objects as text: every parser reads the same values."""

import json
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.manifest.rendering import digest, summary, to_json, to_stored, to_yaml
from services.monitor.collect.promises import read_promise
from shared.kube.manifest_text import parse_manifest, stored_objects
from tests.support.tenants import TENANTS, Tenant

SURPRISES = (
    *("no", "NO", "y", "N", "on", "Off", "yes", "true", "False", "null", "Null", "~", "", " ", "nan", ".nan", ".inf"),
    *("0777", "0o17", "0x1F", "0b1", "1e3", "1E3", "1_000", "1.", ".5", "+1", "-0", "12:30:45", "2024-01-01", "1"),
    *("2024-01-01T10:00:00Z", "=", "<<", "*a", "&a", "!a", "!!int 1", "- a", "a: b", "a #b", "#a", "@a", "`a", "%a"),
    *(
        "{a",
        "[a",
        "a,",
        "a\nb",
        "a\n",
        "\ta",
        "a\tb",
        "---",
        "...",
        "'a'",
        '"a"',
        "a:",
        "?",
        "|",
        ">",
        "a\\b",
        "\u2028",
    ),
    *("\x85", "\ufeff", "\x7f", "\x00", "한글", "🎧", "a b"),
)
TEXTS = st.sampled_from(SURPRISES) | st.text(max_size=20)
SCALARS = TEXTS | st.none() | st.booleans() | st.integers(-(10**18), 10**18)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=3)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(string.ascii_letters), VALUES, min_size=1), min_size=1, max_size=2)


@settings(deadline=None)
@given(OBJECTS)
def test_yaml_and_json_read_back_as_they_were_written(objects: list[dict[str, object]]) -> None:
    assert list(yaml.load_all(to_yaml(objects), Loader=yaml.CSafeLoader)) == objects
    assert json.loads(to_json(objects)) == {"apiVersion": "v1", "kind": "List", "items": objects}


@pytest.mark.parametrize("text", SURPRISES)
def test_what_some_reader_would_take_for_something_else_is_quoted(text: str) -> None:
    written = to_yaml([{"key": text, text: 1}])
    assert 'key: "' in written
    assert yaml.safe_load(written) == {"key": text, text: 1}


@pytest.mark.parametrize(
    "text", ["callbot", "ecp-ai/callbot:1.51", "redis://redis-service:6379", "/health", "v1", "Tesla-T4"]
)
def test_an_unambiguous_string_is_not_quoted(text: str) -> None:
    assert to_yaml([{"key": text}]) == f"---\nkey: {text}\n"


def test_shared_parts_are_written_out() -> None:
    shared = {"app": "stt"}
    assert to_yaml([{"one": shared, "other": shared}]) == "---\none:\n  app: stt\nother:\n  app: stt\n"


def test_lines_are_never_folded() -> None:
    assert to_yaml([{"key": "word " * 1000}]).count("\n") == 2


@pytest.mark.parametrize("tenant", TENANTS.values(), ids=list(TENANTS))
def test_a_stored_manifest_is_read_as_its_yaml_and_by_the_readers_of_release_0_1(tenant: Tenant) -> None:
    objects, namespace = tenant.render(), f"ecp-ai-{tenant.tenant_id}"
    stored, written = to_stored(objects), to_yaml(objects)
    found = stored_objects(stored, namespace)
    assert found == stored_objects(written, namespace)
    # The previous release, whose replicas run beside ours during an upgrade, reads every manifest by these.
    assert found == parse_manifest(stored, namespace) == parse_manifest(written, namespace)
    assert read_promise(stored, tenant.tenant_id) == read_promise(written, tenant.tenant_id)


def test_a_digest_is_of_the_bytes() -> None:
    assert digest("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest("a") != digest("a\n")


def test_the_summary_counts_by_kind() -> None:
    objects = TENANTS["medium-with-ingress"].render()
    counted = summary(objects)
    assert sum(counted.values()) == len(objects)
    assert (counted["Deployment"], counted["Service"], counted["StatefulSet"], counted["Ingress"]) == (7, 9, 1, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_a_value_that_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_yaml([{"key": value}])
