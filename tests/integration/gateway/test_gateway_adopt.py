"""Adoption over HTTP: the dry run, the tenant that it makes, and the refusals; the deployer is played by the test."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.changes import ChangeSummary, FieldChange, ObjectChange
from shared.events import DeployFailed, Operation
from shared.rpc import DiffReply, DiffRequest, FoundWorkload, InspectReply, InspectRequest, LeftObject
from shared.subjects import Rpc
from tests.integration.gateway.test_gateway_lifecycle import operate, request_of
from tests.support.deployer_part import Answers, answering, conclude
from tests.support.gateway import DEMO, Gateway, error_of
from tests.support.warm_programs import WarmPrograms

CALLBOT = FoundWorkload(
    kind="Deployment",
    name="callbot",
    replicas=3,
    image="registry.example.com/ecp-ai/callbot:7",
    environment={"LOG_LEVEL": "debug", "TENANT_ID": "x", "bad name": "y"},
    requests={"cpu": "200m", "memory": "512Mi"},
    limits={"cpu": "2000m", "memory": "4Gi"},
    port=8080,
    is_labelled=False,
)
FOUND = InspectReply(
    target="simulator",
    exists=True,
    adopted=("Namespace ecp-ai-x", "Deployment callbot"),
    left_alone=(LeftObject(object="Job import", reason="the orchestrator doesn't manage this kind"),),
    workloads=(CALLBOT,),
)
PROBE = FieldChange(path='.spec.template.spec.containers[name="callbot"].livenessProbe', old=None, new={"x": 1})
DIFF = DiffReply(
    target="simulator",
    changes=(ObjectChange(kind="Deployment", name="callbot", change="changed", fields=(PROBE,)),),
    summary=ChangeSummary(added=0, removed=0, changed=1, unchanged=0),
)


class Deployer:
    """Answers what is in a namespace, and what a manifest would change."""

    def __init__(self) -> None:
        self.inspects = Answers(InspectRequest, FOUND)
        self.compares = Answers(DiffRequest, DIFF)


@pytest.fixture
async def deployer(nats_url: str) -> AsyncIterator[Deployer]:
    deployer = Deployer()
    async with answering(nats_url, {Rpc.INSPECT: deployer.inspects, Rpc.DIFF: deployer.compares}):
        yield deployer


async def adopt(gateway: Gateway, tenant_id: str, status: int = 200, **body: Any) -> dict[str, Any]:
    asked = {"namespace": f"ecp-ai-{tenant_id}", **body}
    answer = await gateway.http.post("/tenants/adopt", json=asked, headers=DEMO)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_dry_run_shows_everything_and_stores_nothing(gateway: Gateway, deployer: Deployer) -> None:
    found = await adopt(gateway, "shown")
    assert (found["tenant_id"], found["dry_run"], found["deployment_id"]) == ("shown", True, None)
    assert found["is_estimated"]
    assert found["service_requirements"].keys() == {"callbot"}
    assert found["adopted"] == ["Namespace ecp-ai-x", "Deployment callbot"]
    assert found["left_alone"] == [{"object": "Job import", "reason": "the orchestrator doesn't manage this kind"}]
    options = found["service_options"]["callbot"]
    assert options["image"]["registry"] == "registry.example.com"
    assert options["replicas"] == 3
    assert options["resources"]["requests"] == {"cpu": "200m", "memory": "512Mi"}
    assert found["restarts"] == ["Deployment callbot"]
    assert found["next_deployment"]["changes"][0]["fields"][0]["path"].endswith("livenessProbe")
    notes = " ".join(found["notes"])
    assert "estimated from the replicas" in notes
    assert "callbot.environment" in notes, "a variable that isn't a name can't be kept"
    assert "the pods of callbot lack the tenant's label" in notes
    error_of(await gateway.http.get("/tenants/shown", headers=DEMO), 404, "TENANT_NOT_FOUND")


async def test_a_dry_run_shows_what_the_next_deployment_would_delete_and_what_others_own(
    gateway: Gateway, deployer: Deployer
) -> None:
    mine = ("Namespace ecp-ai-pruned", "Deployment callbot", "ConfigMap settings", "PersistentVolumeClaim data")
    deployer.inspects.reply = FOUND.model_copy(update={"adopted": mine})
    found = await adopt(gateway, "pruned")
    removed = [each for each in found["next_deployment"]["changes"] if each["change"] == "removed"]
    assert [(each["kind"], each["name"]) for each in removed] == [
        ("ConfigMap", "settings"),
        ("PersistentVolumeClaim", "data"),
    ]
    assert {each["namespace"] for each in removed} == {"ecp-ai-pruned"}
    assert found["next_deployment"]["summary"]["removed"] == 2
    assert "deletes 2 adopted objects" in " ".join(found["notes"])
    kept = await adopt(gateway, "pruned", options={"prune": False, "force_conflicts": True})
    assert kept["next_deployment"]["summary"]["removed"] == 0
    assert "deletes" not in " ".join(kept["notes"]).replace("deleting the tenant deletes", "")
    assert [(each.prune, each.force) for each in deployer.compares.asked] == [(True, False), (False, True)]


async def test_an_adopted_tenant_runs_and_can_be_restarted_and_changed(gateway: Gateway, deployer: Deployer) -> None:
    found = await adopt(gateway, "taken", 202, dry_run=False, service_requirements={"callbot": 20}, name="Taken")
    assert (found["status"], found["is_estimated"]) == ("pending", False)
    event = await request_of(gateway, found["deployment_id"])
    assert (event.operation, event.deployment.generation, event.digest) == (Operation.ADOPT, 1, None)
    row = await gateway.get(f"/deployments/{found['deployment_id']}")
    assert (row["operation"], row["status"]) == ("adopt", "pending")
    await conclude(gateway, {**found, "generation": 1, "operation": "adopt"}, digest="sha256:adopted")
    tenant = await gateway.get("/tenants/taken")
    assert (tenant["status"], tenant["name"], tenant["service_requirements"]) == ("running", "Taken", {"callbot": 20})
    assert (await operate(gateway, "taken", "restart"))["digest"] == "sha256:adopted"
    again = await adopt(gateway, "taken", 409)
    assert again["error"]["code"] == "TENANT_ALREADY_EXISTS"


async def test_an_adoption_that_failed_is_requested_again_and_no_other(gateway: Gateway, deployer: Deployer) -> None:
    first = await adopt(gateway, "again", 202, dry_run=False, service_requirements={"callbot": 20})
    running = await adopt(gateway, "again", 409, dry_run=False)
    assert running["error"]["code"] == "TENANT_ALREADY_EXISTS", "it is in progress"
    asked = {**first, "generation": 1, "operation": "adopt"}
    await conclude(gateway, asked, DeployFailed, code="ADOPTION_REFUSED", operation=Operation.ADOPT)
    assert (await gateway.get("/tenants/again"))["status"] == "failed"
    shown = await adopt(gateway, "again")
    assert shown["dry_run"]
    second = await adopt(gateway, "again", 202, dry_run=False, service_requirements={"callbot": 30}, name="Again")
    event = await request_of(gateway, second["deployment_id"])
    assert (event.operation, event.deployment.generation) == (Operation.ADOPT, 2)
    tenant = await gateway.get("/tenants/again")
    assert (tenant["status"], tenant["name"], tenant["revision"]) == ("pending", "Again", 2)
    assert tenant["service_requirements"] == {"callbot": 30}
    asked = {**second, "generation": 2, "operation": "adopt"}
    await conclude(gateway, asked, digest="sha256:again", operation=Operation.ADOPT)
    assert (await gateway.get("/tenants/again"))["status"] == "running"
    taken = await adopt(gateway, "again", 409)
    assert taken["error"]["code"] == "TENANT_ALREADY_EXISTS", "it is a tenant like any other now"


async def test_what_can_not_be_adopted_is_refused_with_the_reason(gateway: Gateway, deployer: Deployer) -> None:
    for namespace in ("kube-system", "ecp-ai-", "ecp-ai-UPPER", "ecp-ai-system"):
        answer = await gateway.http.post("/tenants/adopt", json={"namespace": namespace}, headers=DEMO)
        error = error_of(answer, 422, "VALIDATION_ERROR")
        assert error["details"]["errors"][0]["field"] == "namespace"
    deployer.inspects.reply = InspectReply(target="simulator", exists=False)
    assert "there is no namespace" in (await adopt(gateway, "missing", 422))["error"]["details"]["errors"][0]["message"]
    deployer.inspects.reply = FOUND.model_copy(update={"workloads": ()})
    refused = await adopt(gateway, "empty", 422)
    assert refused["error"]["details"]["errors"][0]["field"] == "service_requirements"
    deployer.inspects.reply = FOUND.model_copy(update={"conflicts": ("ConfigMap c: label ecp.ai/tenant is other",)})
    assert (await adopt(gateway, "rival"))["conflicts"] == ["ConfigMap c: label ecp.ai/tenant is other"]
    refused = await adopt(gateway, "rival", 409, dry_run=False)
    assert "options.force_conflicts" in refused["error"]["message"]
    await adopt(gateway, "rival", 202, dry_run=False, options={"force_conflicts": True})


async def test_a_name_that_a_tenant_can_not_have_is_refused_with_its_field(
    gateway: Gateway, deployer: Deployer
) -> None:
    refused = await adopt(gateway, "named", 422, name="a\u0000b")
    assert refused["error"]["details"]["errors"][0]["field"] == "name"


async def test_the_command_shows_the_dry_run_and_the_refusal(
    programs: WarmPrograms, gateway: Gateway, deployer: Deployer
) -> None:
    shown, code = await ecp(programs, gateway, "ecp-ai-cli", "--sessions", "callbot=20")
    assert code == 0, shown
    assert "Sessions: callbot 20" in shown
    assert "Left alone (1):\n  Job import" in shown
    assert "Nothing was changed. Adopt it with --yes." in shown
    refused, code = await ecp(programs, gateway, "kube-system")
    assert code == 1
    assert "namespace: only a namespace ecp-ai-<tenant id> can be adopted" in refused
    done, code = await ecp(programs, gateway, "ecp-ai-cli", "--yes", "--json")
    assert code == 0, done
    assert json.loads(done)["status"] == "pending"


async def ecp(programs: WarmPrograms, gateway: Gateway, *arguments: str) -> tuple[str, int]:
    """`ecp adopt` as a program: what it prints, and its exit code."""
    url = f"http://127.0.0.1:{gateway.settings.port}"
    ended = await programs.run("cli", "adopt", *arguments, "--demo", "--url", url)
    return ended.output + ended.errors, ended.status
