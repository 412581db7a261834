"""Hostile bodies, such as YAML bombs: none ends or blocks the process."""

import threading
import time
from typing import Any

import pytest

from services.simulator.api.errors import ApiError
from services.simulator.api.validation.bodies import beside, parse_json, parse_yaml
from shared.kube import texts
from shared.kube.texts import parse_time
from tests.support.simulator_api import (
    APPLY,
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    STRATEGIC,
    Api,
    config_map,
    deployment,
    pod,
)

_MOST_CPU_SECONDS = 5.0
"""Of process time; the costliest of these takes a tenth of it, and took minutes or ended the process before."""
YAML = "application/yaml"
DIGITS = "9" * 5000
DEEP = b'{"a":' * 990 + b"1" + b"}" * 990


def merge_bomb(levels: int) -> bytes:
    """766 bytes for 14 levels; each has nine times the entries of the one before."""
    lines = ["a: &a {x: 1}", "k1: &k1 {<<: [" + ", ".join(["*a"] * 9) + "]}"]
    lines += [f"k{n}: &k{n} {{<<: [{', '.join([f'*k{n - 1}'] * 9)}]}}" for n in range(2, levels + 1)]
    return "\n".join(lines).encode()


def bomb(levels: int) -> bytes:
    lines = ['a0: &a0 ["x", "x", "x", "x", "x", "x", "x", "x", "x"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def test_aliases_that_stand_for_billions_of_values_are_refused_at_once() -> None:
    with pytest.raises(ApiError, match="too many nodes"):
        parse_yaml(bomb(30))


def test_an_alias_inside_of_itself_is_refused() -> None:
    with pytest.raises(ApiError):
        parse_yaml(b"a: &a [*a]")


def test_a_few_aliases_are_fine() -> None:
    assert parse_yaml(b"a: &a {x: 1}\nb: *a\nc: *a") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 50_000, id="50 kB of brackets"),
        pytest.param(merge_bomb(14), id="nested merge keys"),
        pytest.param(b"? " * 20_000, id="nested keys"),
        pytest.param(b"- " * 20_000, id="nested lists"),
        pytest.param(b"&a [*a]", id="a list in itself"),
        pytest.param(b"a: .nan", id="not a number"),
        pytest.param(b"{[a]: b}", id="a list as a key"),
        pytest.param(b'a: "\\0"', id="NUL"),
        pytest.param(b"a: 1\na: 2", id="a key twice"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
    ],
)
async def test_a_hostile_yaml_body_is_answered_400(body: bytes) -> None:
    api, began = Api(), time.process_time()
    assert (await api.request("POST", CONFIG_MAPS, body, media_type=YAML)).code == 400
    assert (await api.request("DELETE", CONFIG_MAPS, body, media_type=YAML)).code == 400
    assert (await api.apply(f"{CONFIG_MAPS}/a", body)).code == 400
    assert time.process_time() - began < _MOST_CPU_SECONDS


def test_what_only_yaml_1_1_takes_for_a_number_is_text() -> None:
    """The base 60 of 100 kB of it took two seconds; the API server's reader knows none."""
    began = time.process_time()
    assert parse_yaml(b"a: " + b"1:" * 50_000 + b"1") == {"a": "1:" * 50_000 + "1"}
    assert time.process_time() - began < _MOST_CPU_SECONDS


def test_numbers_past_64_bits_are_floats_that_can_be_encoded_again() -> None:
    assert parse_yaml(b"a: 0o7777777777777777777777\nb: 99999999999999999999") == {"a": 2.0**66, "b": 1e20}


@pytest.mark.parametrize(
    "body", [DEEP, b"[" * 990 + b"]" * 990, b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b"9" * 5000, b"NaN"]
)
def test_json_that_the_rest_can_not_hold_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError, match="json parse error"):
        parse_json(body)


@pytest.mark.parametrize("media_type", [MERGE, STRATEGIC, JSON_PATCH, APPLY])
async def test_a_deep_patch_is_answered_400(media_type: str) -> None:
    api = Api()
    await api.post(CONFIG_MAPS, config_map("a"))
    assert (await api.patch(f"{CONFIG_MAPS}/a", DEEP, media_type, fieldManager="m")).code == 400


@pytest.mark.parametrize("name", ["limit", "resourceVersion", "timeoutSeconds"])
@pytest.mark.parametrize("value", [DIGITS, "18446744073709551616", "abc", "1_000", "\u0663", "1.5"])
async def test_a_number_that_go_refuses_is_answered_400(name: str, value: str) -> None:
    api = Api()
    assert (await api.get(CONFIG_MAPS, **{name: value})).code == 400
    assert (await api.get(CONFIG_MAPS, **{"watch": "1", "labelSelector": "(", name: value})).code == 400


@pytest.mark.parametrize("value", [DIGITS, "9223372036854775808", "x"])
async def test_a_grace_period_of_more_than_64_bits_is_answered_400(value: str) -> None:
    api = Api()
    await api.post(CONFIG_MAPS, config_map("a"))
    assert (await api.delete(f"{CONFIG_MAPS}/a", gracePeriodSeconds=value)).code == 400
    assert (await api.delete(f"{CONFIG_MAPS}/a", {"gracePeriodSeconds": value})).code == 400
    assert (await api.delete(f"{CONFIG_MAPS}/a", {"preconditions": {"uid": ["x"]}})).code == 400
    assert (await api.get(f"{CONFIG_MAPS}/a")).code == 200


async def test_the_longest_grace_period_of_64_bits_has_a_date() -> None:
    api = Api()
    api.store.create("pods", pod("one", node="n1", phase="Running"))
    assert (await api.delete(f"{PODS}/one", gracePeriodSeconds=2**63 - 1)).code == 200
    assert (await api.get(f"{PODS}/one")).body["metadata"]["deletionTimestamp"].startswith("20")


@pytest.mark.parametrize("parameter", ["tailLines", "sinceSeconds"])
async def test_a_log_of_any_length_is_answered(parameter: str) -> None:
    api = Api()
    started = pod("one", node="n1", phase="Running")
    state = {"running": {"startedAt": "2026-03-01T11:00:00Z"}}
    started["status"]["containerStatuses"] = [{"name": "app", "state": state}]
    api.store.create("pods", started)
    assert (await api.get(f"{PODS}/one/log", **{parameter: 2**63 - 1})).code == 200
    assert (await api.get(f"{PODS}/one/log", **{parameter: DIGITS})).code == 400
    assert (await api.get(f"{PODS}/one/log", **{parameter: -1})).code == 422


@pytest.mark.parametrize(
    ("name", "code"), [("a\0b", 422), ("x" * 129, 422), ("x" * 128, 201), ("kubectl", 201), ("\u00e9", 201)]
)
async def test_a_field_manager_is_printable_and_short(name: str, code: int) -> None:
    """U+0000 in it can't be stored in PostgreSQL."""
    assert (await Api().post(CONFIG_MAPS, config_map("a"), fieldManager=name)).code == code


def _copies(count: int) -> list[dict[str, Any]]:
    """Each doubles the annotations and the depth."""
    begin: dict[str, Any] = {"op": "add", "path": "/metadata/annotations", "value": {"a": "x"}}
    path = "/metadata/annotations"
    return [begin, *({"op": "copy", "from": path, "path": f"{path}/c{n}"} for n in range(count))]


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        pytest.param(_copies(30), 422, id="copies that double"),
        pytest.param([{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10_001, 413, id="10,001 operations"),
        pytest.param([{"op": "add", "path": f"/metadata/finalizers/{DIGITS}", "value": "a/b"}], 422, id="long index"),
        pytest.param([{"op": "add", "path": "/metadata/finalizers/\u00b2", "value": "a/b"}], 422, id="odd index"),
        pytest.param([{"op": "add", "path": "/metadata/finalizers/\u0663", "value": "a/b"}], 422, id="other digits"),
        pytest.param([{"op": "add", "path": "/x" * 70, "value": 1}], 422, id="deep path"),
        pytest.param([{"op": "copy", "from": "/kind/0", "path": "/data"}], 422, id="a letter of a text"),
        pytest.param(
            [{"op": "add", "path": "/x", "value": [0] * 200_000}]
            + [{"op": "add", "path": "/x/0", "value": 0}, {"op": "remove", "path": "/x/0"}] * 4_000,
            422,
            id="insertions in front of many",
        ),
    ],
)
async def test_a_json_patch_has_a_budget(patch: object, code: int) -> None:
    api, began = Api(), time.process_time()
    await api.post(CONFIG_MAPS, {**config_map("a"), "metadata": {"name": "a", "finalizers": ["a/b"]}})
    assert (await api.patch(f"{CONFIG_MAPS}/a", patch, JSON_PATCH)).code == code
    assert time.process_time() - began < _MOST_CPU_SECONDS


async def test_a_large_body_costs_in_proportion_to_its_size() -> None:
    """Merging by keys, ordering, ownership and duplicates compared everything with everything: minutes for these."""
    api, count, began = Api(), 6_000, time.process_time()
    await api.post(DEPLOYMENTS, deployment())
    env = [{"name": f"V{n}", "value": "x"} for n in range(count)]
    change = {"name": "app", "env": env, "$setElementOrder/env": [{"name": f"V{n}"} for n in reversed(range(count))]}
    patch = {"spec": {"template": {"spec": {"containers": [change]}}}}
    assert (await api.patch(f"{DEPLOYMENTS}/web", patch, STRATEGIC)).code == 200
    data: dict[str, Any] = {f"k{n}": "x" for n in range(count)}
    assert (await api.apply(f"{CONFIG_MAPS}/a", config_map("a", **data))).code == 201
    half: dict[str, Any] = dict(list(data.items())[::2])
    assert (await api.apply(f"{CONFIG_MAPS}/a", config_map("a", **half))).code == 200
    long_key = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"%s":{%s}}'
    twice = long_key % (b"k" * 300_000, b",".join([b'"a":1'] * 30_000))
    assert (await api.post(CONFIG_MAPS, twice)).code == 201
    assert time.process_time() - began < _MOST_CPU_SECONDS * 4


@pytest.mark.parametrize("length", [60_000])
@pytest.mark.parametrize("unit", [",", "a,", "(", "a in (", "!", "a=b,", "a in (b),", "=", " ", "a!=,"])
async def test_a_selector_costs_in_proportion_to_its_length(unit: str, length: int) -> None:
    api, began = Api(), time.process_time()
    for name in ("labelSelector", "fieldSelector"):
        assert (await api.get(CONFIG_MAPS, **{name: unit * (length // len(unit))})).code in (200, 400)
    assert time.process_time() - began < _MOST_CPU_SECONDS


@pytest.mark.parametrize("status", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_the_api_server_takes_is_one_for_the_controllers(status: str) -> None:
    assert texts.time_fault(status) is None
    assert parse_time(status).tzinfo is not None


@pytest.mark.parametrize("wrong", ["2024-01-01T00:00:00+99:99", "2024-01-01T00:00:00+00:60", "2024-02-30T00:00:00Z"])
def test_a_time_that_has_no_date_is_refused(wrong: str) -> None:
    assert "out of range" in (texts.time_fault(wrong) or "")


@pytest.mark.parametrize(("size", "is_beside"), [(100, False), (100_000, True)])
async def test_a_large_body_is_read_beside_the_event_loop(size: int, is_beside: bool) -> None:
    assert (await beside(b" " * size, threading.get_ident) != threading.get_ident()) is is_beside
