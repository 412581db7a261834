"""The OpenAPI v3 documents describe the whole API, not only the parts that kubectl reads."""

from typing import Any

import orjson

from services.simulator.api.routing.openapi import document, index

PODS = "/api/v1/namespaces/{namespace}/pods"
SCHEMA = "#/components/schemas/io.k8s.api.core.v1"
STATUS = {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Status"}


def core() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(document("api/v1"))
    return found


def answered(operation: dict[str, Any], status: str) -> Any:
    return operation["responses"][status]["content"]["application/json"]["schema"]


def test_a_list_is_described_as_a_list() -> None:
    path = core()["paths"][PODS]
    assert answered(path["get"], "200") == {"$ref": f"{SCHEMA}.PodList"}
    assert answered(path["post"], "201") == {"$ref": f"{SCHEMA}.Pod"}


def test_a_deletion_is_answered_by_a_status_or_by_the_object() -> None:
    schema = answered(core()["paths"][f"{PODS}/{{name}}"]["delete"], "200")
    assert schema == {"anyOf": [STATUS, {"$ref": f"{SCHEMA}.Pod"}]}


def test_every_failure_is_a_status() -> None:
    operations = [
        operation for path in core()["paths"].values() for method, operation in path.items() if method != "parameters"
    ]
    assert all(answered(operation, "default") == STATUS for operation in operations)


def test_parameters_of_the_path_and_bodies_are_described() -> None:
    path = core()["paths"][f"{PODS}/{{name}}"]
    assert {each["name"] for each in path["parameters"]} == {"name", "namespace"}
    assert "application/apply-patch+yaml" in path["patch"]["requestBody"]["content"]
    assert path["put"]["requestBody"]["required"]


def test_everything_that_a_document_refers_to_is_in_it() -> None:
    for name in index("")["paths"]:
        text = document(name).decode()
        schemas = orjson.loads(text)["components"]["schemas"]
        referred = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
        assert referred <= set(schemas), name
