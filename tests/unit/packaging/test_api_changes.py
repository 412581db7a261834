"""A change that breaks clients of the last release is found, and the version must permit it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.version import API_VERSION, VERSION
from tools.api_changes.__main__ import problems, released, without_texts
from tools.api_changes.operations import breaking_changes, permits_breaking
from tools.openapi_documents import GATEWAY

Change = Callable[[dict[str, Any]], object]
ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 50},
        "size": {"enum": ["small", "large"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 10},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "parent": {"$ref": "#/components/schemas/Item"},
        "next": {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]},
        "sizes": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["name"],
}
POINT = {"$ref": "#/components/schemas/Point"}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "one", "version": "1"},
    "paths": {
        "/items/{id}": {
            "put": {
                "operationId": "putItem",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "X-Mode", "in": "header", "schema": {"type": "string"}},
                    {"name": "size", "in": "query", "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}},
                    "404": {"description": "NOT_FOUND"},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Item": ITEM,
            "Answer": {
                "type": "object",
                "properties": {
                    "state": {"enum": ["on"]},
                    "left": {"type": "integer"},
                    "items": {"type": "array"},
                    "shape": {"anyOf": [{"$ref": "#/components/schemas/Square"}, {"$ref": "#/components/schemas/Dot"}]},
                },
                "required": ["state", "left"],
            },
            # Both have a centre: what changes in a Point must not count only for the first of them.
            "Square": {"type": "object", "properties": {"centre": POINT, "side": {"type": "integer"}}},
            "Dot": {"type": "object", "properties": {"centre": POINT}},
            "Point": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}},
        }
    },
}


def _put(document: dict[str, Any]) -> Any:
    return document["paths"]["/items/{id}"]["put"]


def _item(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Item"]


def _answer(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Answer"]


def _rename_parameter(document: dict[str, Any]) -> None:
    item = document["paths"].pop("/items/{id}")
    item["put"]["parameters"][0]["name"] = "name"
    document["paths"]["/items/{name}"] = item


BREAKING: list[tuple[Change, str]] = [
    (lambda d: d["paths"].clear(), "PUT /items/{id} is gone"),
    (lambda d: _put(d).update(operationId="setItem"), "the operation id putItem is setItem now"),
    (lambda d: _put(d)["parameters"].pop(2), "the parameter size is gone"),
    (lambda d: _put(d)["parameters"][2].update(required=True), "the parameter size is required now"),
    (
        lambda d: _put(d)["parameters"][1].update(schema={"type": "string", "enum": ["a"]}),
        "the parameter X-Mode accepts only a now",
    ),
    (lambda d: _put(d)["requestBody"].update(required=True), "a body is required now"),
    (lambda d: _put(d).pop("requestBody"), "it no longer accepts a body"),
    (lambda d: _item(d)["required"].append("size"), "the body requires the field size now"),
    (lambda d: _item(d)["properties"]["size"]["enum"].remove("small"), "the body.size no longer accepts small"),
    (lambda d: _item(d)["properties"].update(note={"type": "string"}), "the body.note no longer accepts null"),
    (lambda d: _item(d)["properties"].update(count={"type": "string"}), "the body.count no longer accepts integer"),
    (lambda d: _item(d)["properties"]["count"].update(maximum=9), "the body.count has maximum 9 now"),
    (lambda d: _item(d)["properties"]["count"].update(minimum=1), "the body.count has minimum 1 now"),
    (lambda d: _item(d)["properties"]["name"].update(pattern="^a"), "the body.name must match ^a now"),
    (lambda d: _item(d).update(additionalProperties=False), "the body no longer ignores unknown fields"),
    (
        lambda d: _item(d)["properties"]["sizes"].update(properties={"a": {}}, additionalProperties=False),
        "the body.sizes no longer accepts unknown fields",
    ),
    (
        lambda d: (_item(d)["properties"].pop("size"), _item(d).update(additionalProperties=False)),
        "the body no longer accepts the field size",
    ),
    (lambda d: _put(d)["responses"].pop("200"), "it no longer answers 200"),
    (lambda d: _put(d)["responses"]["200"].update(content={}), "the answer 200 is no longer application/json"),
    (lambda d: _answer(d)["properties"].pop("left"), "the answer 200 no longer has the field left"),
    (lambda d: _answer(d).update(required=["state"]), "the answer 200 may lack the field left now"),
    (
        lambda d: _answer(d)["properties"].update(left={"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        "the answer 200.left can now be null",
    ),
    (lambda d: _answer(d)["properties"].update(left={"type": "string"}), "the answer 200.left can now be string"),
    (
        lambda d: d["components"]["schemas"]["Point"]["properties"].pop("x"),
        "the answer 200.shape.centre no longer has the field x",
    ),
]
COMPATIBLE: list[Change] = [
    lambda d: d["paths"].update({"/others": {"get": {"operationId": "listOthers", "responses": {}}}}),
    _rename_parameter,
    lambda d: _put(d)["parameters"].append({"name": "more", "in": "query", "schema": {"type": "string"}}),
    lambda d: _put(d)["parameters"][1].update(name="x-mode"),
    lambda d: _put(d)["parameters"][2].update(schema={"type": "string"}),
    lambda d: _put(d)["responses"].update({"409": {"description": "CONFLICT"}}),
    lambda d: _put(d)["responses"].pop("404"),
    lambda d: _item(d)["properties"].update(more={"type": "string"}),
    lambda d: _item(d)["properties"]["size"]["enum"].append("medium"),
    lambda d: _item(d)["properties"].update(count={"type": "number", "minimum": 0, "maximum": 10}),
    lambda d: _item(d)["properties"]["name"].update(maxLength=60, minLength=0),
    lambda d: _item(d).update(required=[]),
    lambda d: _item(d).update(description="Another text"),
    lambda d: _answer(d)["properties"].update(more={"type": "string"}),
    lambda d: _answer(d)["properties"]["state"]["enum"].append("off"),
    lambda d: _answer(d)["required"].append("items"),
]


def changed(change: Change) -> list[str]:
    present = copy.deepcopy(DOCUMENT)
    change(present)
    return breaking_changes(DOCUMENT, present)


@pytest.mark.parametrize(("change", "sentence"), BREAKING, ids=[sentence for _, sentence in BREAKING])
def test_a_change_that_breaks_clients_is_found(change: Change, sentence: str) -> None:
    prefix = "" if sentence.startswith("PUT") else "PUT /items/{id}: "
    assert f"{prefix}{sentence}" in changed(change)


@pytest.mark.parametrize("change", COMPATIBLE)
def test_a_change_that_breaks_no_client_is_not_found(change: Change) -> None:
    assert changed(change) == []


@pytest.mark.parametrize(
    ("base", "version", "permitted"),
    [
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.1.9", False),
        ("0.1.0", "0.2.0", True),
        ("0.9.0", "1.0.0", True),
        ("1.2.0", "1.3.0", False),
        ("1.2.0", "2.0.0", True),
        ("0.2.0", "0.1.0", False),
    ],
)
def test_a_higher_version_permits_to_break_clients(base: str, version: str, permitted: bool) -> None:
    assert permits_breaking(base, version) is permitted


def test_the_api_breaks_no_client_of_the_last_release_unless_its_version_permits_that() -> None:
    assert problems() == [], "set API_VERSION in shared/version.py to the next minor version"


def test_the_document_of_the_last_release_is_kept_without_texts() -> None:
    path = released(GATEWAY, VERSION)
    document = json.loads(path.read_text(encoding="utf-8"))

    assert document == without_texts(document), "run `python -m tools.api_changes --release` at the release"
    assert tuple(map(int, API_VERSION.split("."))) >= tuple(map(int, VERSION.split(".")))
    assert len(document["paths"]) > 20


def test_texts_are_left_out_but_not_fields_that_are_called_so() -> None:
    schema = {"title": "A", "description": "b", "properties": {"title": {"type": "string", "description": "c"}}}

    assert without_texts(schema) == {"properties": {"title": {"type": "string"}}}
