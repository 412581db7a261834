"""Request bodies: unknown fields are refused at every depth, known ones of other clients act or give a note."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import ConfigDict, Field

from services.gateway.http import validation
from services.gateway.http.body_check import BodyCheck, names_at
from services.gateway.http.unknown_fields import UnknownFields
from services.gateway.monitoring.routes import Points
from services.gateway.tenants.known_bodies import KNOWN_FIELDS
from services.gateway.tenants.schemas import DeployRequest, TenantChange, TenantCreate, TenantPatch
from services.gateway.tenants.sizing_schemas import CalculateResources
from shared.errors import Refused
from shared.events import DeployOptions
from shared.tenants import Model, SlaTarget
from tests.support.asgi import call

SERVICES = {"callbot": 10}
TENANT = {"tenant_id": "a", "service_requirements": SERVICES}


class Part(Model):
    size: int = 1


class Whole(Model):
    parts: dict[str, list[Part | None]] = Field(default_factory=dict)
    pairs: tuple[Annotated[Part, "marked"], ...] = ()


class Foreign(Model):
    model_config = ConfigDict(extra="allow")

    version: str


def refused(annotation: Any, body: Any) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        BodyCheck(annotation, KNOWN_FIELDS).check(body)
    return {each["field"]: each["message"] for each in caught.value.details["errors"]}


def notes(annotation: Any, body: Any) -> list[str]:
    return [each.english for each in BodyCheck(annotation, KNOWN_FIELDS).check(body)]


def test_an_unknown_field_is_refused_with_the_closest_known_one() -> None:
    [message] = refused(TenantCreate, TENANT | {"servce_requirements": {}}).values()
    assert message.startswith("unknown field; did you mean service_requirements? Known: tenant_id, name,")


def test_a_field_that_is_like_no_other_is_refused_with_all_that_are_known() -> None:
    assert refused(DeployRequest, {"typo_field": 1}) == {"typo_field": "unknown field; known: target, options"}


@pytest.mark.parametrize(
    ("body", "field", "close"),
    [
        (TENANT | {"options": {"timout": "5m"}}, "options.timout", "timeout"),
        (TENANT | {"sla_target": {"availabilty": "99.9%"}}, "sla_target.availabilty", "availability"),
    ],
)
def test_nested_fields_are_refused_with_their_path(body: Any, field: str, close: str) -> None:
    assert f"did you mean {close}?" in refused(TenantCreate, body)[field]


def test_fields_inside_lists_unions_and_dictionaries_are_refused_with_their_path() -> None:
    body = {"parts": {"left": [None, {"sice": 2}]}, "pairs": [{"size": 1}, {"siz": 1}]}
    assert {field: text[:30] for field, text in refused(Whole | None, body).items()} == {
        "parts.left.1.sice": "unknown field; did you mean si",
        "pairs.1.siz": "unknown field; did you mean si",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [({"metics": {}, "metrics": {"cpu": 1}}, "metics"), ([{"metrics": {"cpu": 1}, "metics": {}}], "0.metics")],
)
def test_the_fields_of_a_union_by_shape_are_those_of_its_member(body: Any, field: str) -> None:
    assert refused(Points, body) == {field: "unknown field; did you mean metrics? Known: timestamp, metrics"}


def test_all_problems_of_a_body_with_unknown_fields_are_reported_together() -> None:
    problems = refused(TenantCreate, {"tenant_id": "Bad Id", "service_requirements": SERVICES, "nmae": "x"})
    assert set(problems) == {"tenant_id", "nmae"}


def test_a_body_of_a_hundred_thousand_unknown_fields_is_refused_with_the_first_hundred() -> None:
    with pytest.raises(Refused) as caught:
        BodyCheck(TenantCreate, KNOWN_FIELDS).check({f"field{number}": 1 for number in range(100_000)})
    assert len(caught.value.details["errors"]) == 100
    assert "more)" in caught.value.message


def test_other_problems_are_left_to_the_model() -> None:
    assert notes(TenantCreate, {"tenant_id": "Bad Id"}) == []
    assert notes(TenantCreate, []) == []


def test_a_body_of_a_foreign_system_may_have_any_field() -> None:
    assert notes(Foreign, {"version": "4", "receiver": "x"}) == []


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"tenancy_mode": "small"}, "preset"),
        ({"cloud_provider": "aws"}, "target"),
        ({"channels": 50}, "service_requirements"),
        ({"kubernetes_advanced_config": {"auto_scaling": {}}}, "service_options"),
    ],
)
def test_a_field_of_another_client_without_an_effect_gives_a_note(fields: dict[str, Any], advice: str) -> None:
    [note] = notes(TenantCreate, TENANT | fields)
    assert next(iter(fields)) in note
    assert advice in note


def test_a_field_of_another_client_that_is_null_gives_no_note() -> None:
    assert notes(TenantCreate, TENANT | {"tenancy_mode": None}) == []


def test_a_namespace_is_refused_because_its_sender_would_look_for_the_tenant_in_it() -> None:
    assert "ecp-ai-<tenant_id>" in refused(TenantCreate, TENANT | {"namespace": "team"})["namespace"]


def test_a_tenant_is_sent_back_as_it_is_shown_with_a_note_for_each_field_that_can_t_be_changed() -> None:
    shown = {"name": "x", "status": "running", "revision": 3, "services": [], "created_at": "2026-01-01T00:00:00Z"}
    assert len(notes(TenantChange, shown)) == 4
    assert any("POST .../start" in each for each in notes(TenantChange, {"status": "running"}))
    assert "status" in refused(TenantCreate, TENANT | {"status": "running"})


@pytest.mark.parametrize("model", [TenantCreate, TenantChange, TenantPatch])
def test_auto_deploy_is_deploy(model: type[Model]) -> None:
    assert notes(model, {"service_requirements": SERVICES, "auto_deploy": False}) == []
    assert model.model_validate(TENANT | {"auto_deploy": False}).model_dump()["deploy"] is False
    both = model.model_validate(TENANT | {"auto_deploy": False, "deploy": True})
    assert both.model_dump()["deploy"] is True


def test_a_calculation_ignores_the_other_fields_of_a_tenant_but_no_misspelt_one() -> None:
    everything = TENANT | {"name": "x", "description": "y", "deploy": False, "auto_deploy": True, "tenancy_mode": "a"}
    assert notes(CalculateResources, everything) == []
    assert (
        "did you mean gpu_sharing?" in refused(CalculateResources, everything | {"gpu_sharring": "mig"})["gpu_sharring"]
    )


def test_events_stay_tolerant() -> None:
    assert TenantCreate.model_validate(TENANT | {"typo_field": 1}).tenant_id == "a"
    assert DeployOptions.model_validate({"timout": "1m"}) == DeployOptions()


def test_names_are_those_of_the_models_at_a_path() -> None:
    assert names_at(TenantCreate, ["sla_target"]) == list(SlaTarget.model_fields)
    assert names_at(TenantCreate, ["service_requirements", "x"]) == []


def test_the_table_names_no_field_that_a_body_has() -> None:
    for model in (TenantCreate, TenantChange, TenantPatch):
        assert not KNOWN_FIELDS[model].keys() & model.model_fields.keys()
        means = {each.means for each in KNOWN_FIELDS[model].values()} - {None}
        assert means <= model.model_fields.keys()


def api() -> FastAPI:
    """An application with new routes that do nothing for the check."""
    feature = APIRouter(prefix="/things")

    @feature.post("/whole")
    async def whole(body: Whole | None = None) -> bool:
        return body is not None

    @feature.get("/nothing")
    @feature.post("/nothing")
    async def nothing() -> bool:
        return True

    parent = APIRouter(prefix="/api", dependencies=[Depends(UnknownFields({}))])
    parent.include_router(feature)
    app = FastAPI()
    validation.install(app)
    app.include_router(parent)
    return app


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("whole", b"", 200),
        ("whole", b'{"parts": {}}', 200),
        ("whole", b'{"parts": {}, "x": 1}', 422),
        ("nothing", b"", 200),
        ("nothing", b"{}", 200),
        ("nothing", b"null", 200),
        ("nothing", b'{"force": true}', 422),
        ("nothing", b"[1]", 422),
    ],
)
async def test_the_body_of_a_new_route_is_checked_without_a_line_in_it(path: str, content: bytes, status: int) -> None:
    message = {"type": "http.request", "body": content, "more_body": False}
    headers = [(b"content-type", b"application/json")]
    [start, body] = await call(api(), message, path=f"/api/things/{path}", headers=headers)
    assert start["status"] == status, body


@pytest.mark.parametrize("content", [b"no JSON", b'{"force": true}'])
async def test_the_body_of_a_get_is_not_read_because_nothing_has_limited_it(content: bytes) -> None:
    endless = {"type": "http.request", "body": content, "more_body": True}
    [start, _] = await call(api(), endless, path="/api/things/nothing", method="GET")
    assert start["status"] == 200


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", "0"])
def test_a_boolean_is_true_or_false_at_every_depth(value: Any) -> None:
    calculation = {"service_requirements": SERVICES, "allow_unmeasured": value}
    assert refused(CalculateResources, calculation) == {"allow_unmeasured": "must be true or false"}
    assert refused(DeployRequest | None, {"options": {"prune": value}}) == {"options.prune": "must be true or false"}
    assert notes(TenantCreate, TENANT | {"name": "1", "deploy": True, "options": {"prune": False}}) == []
