"""Validation of manifests: the documented fields, and each finding with its place and a remedy."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.gateway.http.request_context import Language
from shared.rpc import Finding, ResourceSummary, ValidateReply
from shared.tenants import Model

_EXAMPLE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ecp-ai-my-ai-service\n"


class ValidateManifest(Model):
    """A manifest as YAML or JSON text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tenant_id": "my-ai-service", "manifest_content": _EXAMPLE}]}
    )

    manifest_content: str
    tenant_id: Annotated[str, Field(max_length=100)] | None = None
    """If given, objects outside of the tenant's namespace are reported."""
    strict_validation: bool = True
    """false: what Kubernetes would ignore, or wait for, is only a warning."""
    target_simulator: bool = False
    """true: report whether the simulator supports everything in it."""
    kubernetes_version: Annotated[str, Field(max_length=20, examples=["1.31"])] | None = None
    """1.28 to 1.37; by default that of the simulator."""
    check_capacity: bool = True
    target: Annotated[str, Field(max_length=63)] | None = None
    """The target whose capacity is checked; by default the simulator."""


class ValidatedManifest(Model):
    """`valid` is true without errors; `warnings` and `errors` are `findings` in one line each."""

    valid: bool
    warnings: list[str]
    errors: list[str]
    findings: list[Finding]
    simulator_compatible: bool | None = None
    resource_summary: ResourceSummary
    estimated_cost: str
    deployment_time: str
    kubernetes_version: str


def answer_of(reply: ValidateReply, language: Language) -> ValidatedManifest:
    """The documented answer. Its lines are in the language of the request, its findings in both languages."""

    def lines(severity: str) -> list[str]:
        return [_line(each, language) for each in reply.findings if each.severity == severity]

    return ValidatedManifest(
        valid=reply.valid,
        warnings=lines("warning"),
        errors=lines("error"),
        findings=list(reply.findings),
        simulator_compatible=reply.simulator_compatible,
        resource_summary=reply.resource_summary,
        estimated_cost=reply.resource_summary.estimated_cost,
        deployment_time=reply.deployment_time,
        kubernetes_version=reply.kubernetes_version,
    )


def _line(finding: Finding, language: Language) -> str:
    """`line 7: Deployment x/y: unknown field "spec.replica"`."""
    message = finding.message_ko if language == "ko" else finding.message
    place = f"{finding.line}행" if language == "ko" else f"line {finding.line}"
    return ": ".join(part for part in (place if finding.line else "", finding.object, message) if part)
