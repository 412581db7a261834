"""`GET /deployments/{id}/diff`: two rendered manifests in the store, compared."""

from typing import Any

from sqlalchemy import text

from tests.support.deployer_part import created_and_prepared
from tests.support.gateway import DEMO, Gateway, error_of


async def two_deployments(gateway: Gateway) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tenant whose manifest was rendered for two revisions."""
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    answer = await gateway.http.patch(path, json={"service_requirements": {"callbot": 400, "tts": 5}}, headers=DEMO)
    changed: dict[str, Any] = answer.json()
    await gateway.eventually(f"/deployments/{changed['deployment_id']}", phase="validating")
    return created, changed


async def test_a_change_is_shown_by_object_and_field(gateway: Gateway) -> None:
    created, changed = await two_deployments(gateway)
    diff = await gateway.get(f"/deployments/{changed['deployment_id']}/diff")
    assert (diff["deployment_id"], diff["against"]) == (changed["deployment_id"], created["deployment_id"])
    assert diff["digest"] != diff["against_digest"]
    [autoscaler] = [
        each for each in diff["changes"] if (each["kind"], each["name"]) == ("HorizontalPodAutoscaler", "callbot")
    ]
    assert (autoscaler["change"], autoscaler["namespace"]) == ("changed", f"ecp-ai-{created['tenant_id']}")
    fields = {each["path"]: each for each in autoscaler["fields"]}
    assert fields[".spec.minReplicas"]["new"] > fields[".spec.minReplicas"]["old"] > 0
    assert diff["summary"]["changed"] == sum(each["change"] == "changed" for each in diff["changes"])
    backwards = await gateway.get(f"/deployments/{created['deployment_id']}/diff?against={changed['deployment_id']}")
    [shrunk] = [
        each for each in backwards["changes"] if (each["kind"], each["name"]) == ("HorizontalPodAutoscaler", "callbot")
    ]
    turned = {each["path"]: (each["new"], each["old"]) for each in shrunk["fields"]}
    assert turned == {path: (each["old"], each["new"]) for path, each in fields.items()}


async def test_a_deployment_does_not_differ_from_itself(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    name = created["deployment_id"]
    diff = await gateway.get(f"/deployments/{name}/diff?against={name}")
    assert diff["changes"] == []
    assert diff["summary"]["unchanged"] > 10


async def test_what_can_not_be_compared_is_refused_with_the_reason(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    other = await created_and_prepared(gateway)
    path = f"/deployments/{created['deployment_id']}/diff"
    unknown = await gateway.http.get("/deployments/dep-unknown/diff", headers=DEMO)
    error_of(unknown, 404, "DEPLOYMENT_NOT_FOUND")
    first = error_of(await gateway.http.get(path, headers=DEMO), 409, "CONFLICT")
    assert "no deployment before" in first["message"]
    for against in (other["deployment_id"], "dep-unknown"):
        answer = await gateway.http.get(path, params={"against": against}, headers=DEMO)
        error = error_of(answer, 422, "VALIDATION_ERROR")
        assert error["details"]["errors"][0]["field"] == "against"
    stop = (await gateway.http.post(f"/tenants/{created['tenant_id']}/stop", headers=DEMO)).json()
    answer = await gateway.http.get(f"/deployments/{stop['deployment_id']}/diff", headers=DEMO)
    assert "(stop, pending) has no manifest" in error_of(answer, 409, "CONFLICT")["message"]


async def test_a_deployment_is_compared_however_many_operations_came_after_it(gateway: Gateway) -> None:
    created, changed = await two_deployments(gateway)
    async with gateway.database.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO deployments (deployment_id, tenant_id, operation, generation, revision, target, status,
                    phase, options, correlation_id)
                SELECT last.deployment_id || '-' || number, last.tenant_id, 'restart', last.generation + number,
                    last.revision, last.target, 'completed', 'done', last.options, last.correlation_id
                FROM deployments AS last, generate_series(1, 1001) AS number WHERE last.deployment_id = :id
            """),
            {"id": changed["deployment_id"]},
        )
    path = f"/deployments/{changed['deployment_id']}/diff"
    before = await gateway.get(path)
    assert before["against"] == created["deployment_id"]
    assert await gateway.get(f"{path}?against={created['deployment_id']}") == before
