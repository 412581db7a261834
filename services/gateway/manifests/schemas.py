"""Validation of manifests: the documented fields, and each finding with its place and a remedy."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.http.language import Translator
from shared.messages import Message, sentence
from shared.rpc import Finding, ResourceSummary, ValidateReply
from shared.tenants import Model

_EXAMPLE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ecp-ai-my-ai-service\n"


class ValidateManifest(Model):
    """A manifest as YAML or JSON text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tenant_id": "my-ai-service", "manifest_content": _EXAMPLE}]}
    )

    manifest_content: Annotated[str, Field(json_schema_extra={"maxLength": 2**20})]
    """Limited by the size of the body."""
    tenant_id: Annotated[str, Field(max_length=100)] | None = None
    """If given, objects outside of the tenant's namespace are reported."""
    strict_validation: bool = True
    """false: what Kubernetes would ignore, or wait for, is only a warning. Absent: as the settings have it."""
    target_simulator: bool = False
    """true: report whether the simulator supports everything in it."""
    kubernetes_version: Annotated[str, Field(max_length=20, examples=["1.31"])] | None = None
    """1.28 to 1.37; by default that of the simulator."""
    check_capacity: bool = True
    target: Annotated[str, Field(max_length=63)] | None = None
    """The target whose capacity is checked; by default the simulator."""


class ManifestFinding(Finding):
    """One thing that is wrong or unwise, where it is, and what to do. Codes are stable."""

    params: Annotated[SkipJsonSchema[dict[str, str]], Field(default_factory=dict, exclude=True)]


class ValidatedManifest(Model):
    """`valid` is true without errors; `warnings` and `errors` are `findings` in one line each."""

    valid: bool
    warnings: list[str]
    errors: list[str]
    findings: list[ManifestFinding]
    simulator_compatible: bool | None = None
    resource_summary: ResourceSummary
    estimated_cost: str
    deployment_time: str
    kubernetes_version: str


def answer_of(reply: ValidateReply, texts: Translator) -> ValidatedManifest:
    """The documented answer in the language of the request."""
    findings = [_translated(each, texts) for each in reply.findings]

    def lines(severity: str) -> list[str]:
        return [_line(each, texts) for each in findings if each.severity == severity]

    return ValidatedManifest(
        valid=reply.valid,
        warnings=lines("warning"),
        errors=lines("error"),
        findings=findings,
        simulator_compatible=reply.simulator_compatible,
        resource_summary=reply.resource_summary,
        estimated_cost=reply.resource_summary.estimated_cost,
        deployment_time=reply.deployment_time,
        kubernetes_version=reply.kubernetes_version,
    )


def _translated(finding: Finding, texts: Translator) -> ManifestFinding:
    message = Message(id=finding.code, params=finding.params)
    return ManifestFinding(
        **finding.model_dump(exclude={"message", "advice", "params"}),
        message=texts.text(finding.message, message),
        advice=texts.text(finding.advice, message, attribute="advice"),
    )


def _line(finding: Finding, texts: Translator) -> str:
    """`line 7: Deployment x/y: unknown field "spec.replica"`."""
    place = texts.text(*sentence("finding-line", "line {line}", line=finding.line)) if finding.line else ""
    return ": ".join(part for part in (place, finding.object, finding.message) if part)
