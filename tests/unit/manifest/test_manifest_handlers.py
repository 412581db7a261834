"""The manifest service's handlers, without a bus."""

from datetime import UTC, datetime
from functools import partial

import pytest
import yaml

from services.manifest.handlers import answer_render, answer_validate, render_manifest, validate_rendered
from services.manifest.rendering import digest, render, to_yaml
from shared.bus import Delivery
from shared.errors import DependencyUnavailable, Refused
from shared.events import DeploymentContext, DeployOptions, ManifestRejected, ManifestRendered, ResourcesCalculated
from shared.rpc import CapacityReply, NodeCapacity, RenderRequest, ValidateRequest
from shared.subjects import Mode
from tests.support.tenants import CATALOG, TENANTS

TENANT = TENANTS["call-centre"]
VALIDATOR = partial(validate_rendered, catalog=CATALOG)
CONTEXT = DeploymentContext(
    deployment_id="dep-1", generation=3, target="simulator", options=DeployOptions(include_ingress=True)
)


class FakeStore:
    """Keeps texts in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def keep(self, digest: str, text: str) -> None:
        self.kept[digest] = text


def delivery(mode: Mode) -> Delivery:
    return Delivery(
        mode=mode,
        subject="resources.calculated",
        event_id="event-1",
        correlation_id="req-1",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        stream="DEMO_ECP",
        sequence=1,
        attempt=1,
        durable="manifest-renders",
    )


def calculated(deployment: DeploymentContext | None = CONTEXT) -> ResourcesCalculated:
    return ResourcesCalculated(
        tenant_id=TENANT.tenant_id, spec=TENANT.spec, sizing=TENANT.sizing, deployment=deployment
    )


async def test_a_manifest_is_stored_under_its_digest_in_its_own_mode_and_then_announced() -> None:
    stores = {mode: FakeStore() for mode in Mode}
    [event] = await render_manifest(
        calculated(), delivery(Mode.DEMO), renderer=render, validator=VALIDATOR, stores=stores
    )
    assert isinstance(event, ManifestRendered)
    assert event.deployment == CONTEXT
    assert event.summary["Ingress"] == 1
    assert stores[Mode.PRODUCTION].kept == {}
    [(name, text)] = stores[Mode.DEMO].kept.items()
    assert name == event.digest == digest(text)


async def test_a_sizing_without_a_deployment_has_no_manifest() -> None:
    stores = {mode: FakeStore() for mode in Mode}
    assert (
        await render_manifest(
            calculated(None), delivery(Mode.DEMO), renderer=render, validator=VALIDATOR, stores=stores
        )
        == []
    )
    assert stores[Mode.DEMO].kept == {}


async def test_what_cannot_be_rendered_is_rejected_with_the_reason() -> None:
    def refuse(*_: object) -> list[dict[str, object]]:
        raise Refused("no such thing", code="SOME_CODE")

    stores = {mode: FakeStore() for mode in Mode}
    [event] = await render_manifest(
        calculated(), delivery(Mode.DEMO), renderer=refuse, validator=VALIDATOR, stores=stores
    )
    assert isinstance(event, ManifestRejected)
    assert (event.code, event.message, event.deployment) == ("SOME_CODE", "no such thing", CONTEXT)


async def test_a_question_is_answered_in_the_format_asked_for() -> None:
    request = RenderRequest(spec=TENANT.spec, sizing=TENANT.sizing, namespace="elsewhere")
    answer = await answer_render(request, Mode.PRODUCTION, renderer=render)
    assert next(yaml.load_all(answer.text, Loader=yaml.CSafeLoader))["metadata"]["name"] == "elsewhere"
    listed = await answer_render(request.model_copy(update={"format": "json"}), Mode.PRODUCTION, renderer=render)
    assert yaml.load(listed.text, Loader=yaml.CSafeLoader)["kind"] == "List"
    assert listed.summary == answer.summary
    assert (answer.digest, listed.digest) == (digest(answer.text), digest(listed.text))


async def test_an_invalid_manifest_is_rejected_with_the_reason_and_never_stored() -> None:
    def careless(*_: object) -> list[dict[str, object]]:
        return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"replica": 1}}]

    stores = {mode: FakeStore() for mode in Mode}
    [event] = await render_manifest(
        calculated(), delivery(Mode.DEMO), renderer=careless, validator=VALIDATOR, stores=stores
    )
    assert isinstance(event, ManifestRejected)
    assert event.code == "MANIFEST_INVALID"
    assert 'unknown field "spec.replica"' in event.message
    assert stores[Mode.DEMO].kept == {}


async def small_cluster(target: str) -> CapacityReply:
    return CapacityReply(target=target, nodes=(NodeCapacity(name="n", allocatable={"cpu": "1"}, free={"cpu": "1"}),))


async def no_cluster(target: str) -> CapacityReply:
    raise DependencyUnavailable("deployer", "no deployer answered")


async def test_a_validation_is_held_against_the_capacity_of_the_target() -> None:
    request = ValidateRequest(manifest=to_yaml(TENANT.render()), target="simulator")
    answer = await answer_validate(request, Mode.DEMO, catalog=CATALOG, ask_capacity={Mode.DEMO: small_cluster})
    assert answer.valid
    assert {"CAPACITY_EXCEEDED", "POD_FITS_NOWHERE"} <= {each.code for each in answer.findings}


async def test_a_cluster_that_is_away_is_left_out_with_a_note() -> None:
    request = ValidateRequest(manifest=to_yaml(TENANT.render()), target="simulator")
    answer = await answer_validate(request, Mode.DEMO, catalog=CATALOG, ask_capacity={Mode.DEMO: no_cluster})
    assert answer.valid
    assert [(each.code, each.severity) for each in answer.findings] == [("CAPACITY_UNKNOWN", "info")]


async def test_an_unknown_version_of_kubernetes_is_refused_with_those_that_are_known() -> None:
    request = ValidateRequest(manifest="", kubernetes_version="1.99")
    with pytest.raises(Refused, match=r"1\.28, .*1\.37"):
        await answer_validate(request, Mode.DEMO, catalog=CATALOG, ask_capacity={Mode.DEMO: no_cluster})
