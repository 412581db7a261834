"""The OpenAPI document's request bodies accept no unknown property, and its answers do."""

from functools import cache
from typing import Any

from services.gateway.app import document
from services.gateway.http.strict_schemas import close_request_schemas
from shared.catalog import load_catalog
from shared.tenants import SlaTarget


@cache
def closed() -> dict[str, Any]:
    return document(load_catalog())


def body_of(document: dict[str, Any], path: str, method: str = "post") -> dict[str, Any]:
    schema: dict[str, Any] = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    return schema


def test_bodies_are_closed_at_every_depth_and_answers_are_open() -> None:
    schemas = closed()["components"]["schemas"]
    assert schemas["TenantCreate"]["additionalProperties"] is False
    options = schemas["TenantCreate"]["properties"]["options"]["$ref"].rpartition("/")[2]
    assert options == "DeployOptionsInput", "answers have it, too"
    assert schemas[options]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["DeployOptions"]
    assert schemas["Deployment"]["properties"]["options"]["$ref"].endswith("/DeployOptions")


def test_a_dictionary_of_values_stays_one() -> None:
    usage = closed()["components"]["schemas"]["RecommendationAsked"]["properties"]["usage"]
    assert usage["additionalProperties"] == {"$ref": "#/components/schemas/Usage"}
    assert usage["maxProperties"] == 50


def test_names_that_must_match_a_pattern_match_it_and_others_are_no_properties() -> None:
    schemas = closed()["components"]["schemas"]
    environment = schemas["ServiceOptions-Input"]["properties"]["environment"]
    assert (environment["additionalProperties"], environment["maxProperties"]) == (False, 64)
    assert schemas["MetricsPoint"]["properties"]["metrics"]["additionalProperties"] is False


def test_the_objects_of_a_patch_have_the_fields_of_a_change_and_each_may_be_null() -> None:
    schemas = closed()["components"]["schemas"]
    fields = schemas["TenantPatch"]["properties"]
    assert fields["sla_target"]["anyOf"] == [{"$ref": "#/components/schemas/SlaTargetPatch"}, {"type": "null"}]
    target = schemas["SlaTargetPatch"]
    assert target["properties"].keys() == SlaTarget.model_fields.keys()
    assert target["additionalProperties"] is False
    assert all({"type": "null"} in each["anyOf"] for each in target["properties"].values())
    assert all("default" not in each for each in target["properties"].values())
    options = fields["service_options"]["anyOf"][0]["additionalProperties"]["anyOf"]
    assert options == [{"$ref": "#/components/schemas/ServiceOptionsPatch"}, {"type": "null"}]
    assert schemas["SlaTarget"]["properties"]["availability"]["default"], "the original is as it was"


def test_no_reference_is_left_without_its_schema() -> None:
    described = closed()
    text = str(described)
    names = {part.partition("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= described["components"]["schemas"].keys()
    assert body_of(described, "/api/v1/tenants/") == {"$ref": "#/components/schemas/TenantCreate"}


def test_a_body_of_a_foreign_system_stays_open_and_a_document_without_bodies_is_left_alone() -> None:
    foreign = {
        "type": "object",
        "properties": {"x": {"type": "object", "properties": {}}},
        "additionalProperties": True,
    }
    operation = {"requestBody": {"content": {"application/json": {"schema": foreign}}}}
    described = {"paths": {"/x": {"post": operation, "parameters": []}}}
    close_request_schemas(described)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] is True
    assert schema["properties"]["x"]["additionalProperties"] is False
    empty: dict[str, Any] = {}
    close_request_schemas(empty)
    assert empty == {}
