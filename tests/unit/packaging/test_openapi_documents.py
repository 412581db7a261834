"""The committed OpenAPI documents: they agree with the code, are valid, and follow our rules."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tools.openapi_documents import DOCUMENTS, GATEWAY, text
from tools.openapi_rules import problems

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=DOCUMENTS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def committed(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_a_committed_document_is_what_the_service_serves(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == text(DOCUMENTS[path]()), "run `make docs` and commit the result"


def test_a_document_is_valid_by_the_standard(path: Path) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(committed(path)).iter_errors()] == []


def test_a_document_follows_our_rules(path: Path) -> None:
    assert problems(committed(path)) == []


def _operation(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/api/v1/tenants/"]["post"]
    return found


def _change(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: _operation(document).update(fields)


def _remove(*keys: str) -> Callable[[dict[str, Any]], None]:
    def remove(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return remove


CREATE = ("paths", "/api/v1/tenants/", "post")
TENANT = ("components", "schemas", "TenantCreate")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_change(operationId="create"), "the operation id 'create' is not a verb and an object"),
        (_change(operationId="create_tenant"), "in lowerCamelCase; name the route's function so"),
        (_change(operationId="listTenants"), "the operation id listTenants is used 2 times"),
        (_change(tags=[]), "exactly one tag"),
        (_change(tags=["others"]), "the tag 'others' has no description"),
        (_change(summary="Create a tenant."), "no full stop"),
        (_remove(*CREATE, "description"), "write a docstring for the route's function"),
        (_remove(*CREATE, "responses", "409", "content"), "the answer 409 lists no error codes; use answers(...)"),
        (_remove(*CREATE, "responses", "201"), "no answer for success"),
        (
            _remove(*CREATE, "responses", "201", "content", "application/json", "schema"),
            "the answer 201 has no schema for application/json",
        ),
        (
            _remove("components", "parameters", "DemoMode", "description"),
            "the parameter X-Demo-Mode has no description",
        ),
    ],
)
def test_a_violation_is_a_sentence_that_names_the_operation_and_what_is_missing(
    damage: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    document = copy.deepcopy(committed(GATEWAY))
    damage(document)
    found = problems(document)

    assert any("POST /api/v1/tenants/: " in problem and sentence in problem for problem in found), found


def test_a_request_without_an_example_or_a_limit_is_found() -> None:
    document = copy.deepcopy(committed(GATEWAY))
    name = _operation(document)["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    del schema["examples"]
    schema["properties"] |= {
        "free": {"type": "string"},
        "many": {"type": "array"},
        "whole": {"type": "integer"},
        "named": {"type": "object", "maxLength": 5},
    }
    found = problems(document)

    for sentence in (
        "the body has no example",
        "the body's field free has neither maxLength nor pattern",
        "the body's field many is a list without maxItems",
        "the body's field whole is a whole number without a smallest or a largest value",
        "the body's field named is no text, but has maxLength: put its limit before its validators",
    ):
        assert any(problem.startswith(f"POST /api/v1/tenants/: {sentence}") for problem in found), sentence


def test_a_model_without_a_docstring_is_found() -> None:
    document = copy.deepcopy(committed(GATEWAY))
    del document["components"]["schemas"]["TenantDetail"]["description"]

    assert problems(document) == ["the model TenantDetail has no docstring: tell what it is"]
