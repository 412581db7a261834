"""All checks in their order: text, schema, rules of one object, then references between objects.

A pure function of its arguments: the same manifest has the same findings on every copy of this service. What needs the
cluster, its capacity, is asked for by the caller and handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.manifest.validation.capacity import check_capacity
from services.manifest.validation.findings import Findings
from services.manifest.validation.limits import check_limits
from services.manifest.validation.manifest import Item, Manifest, Obj
from services.manifest.validation.references import check_references
from services.manifest.validation.schema import check_schema, is_custom, objects_of
from services.manifest.validation.security import check_security
from services.manifest.validation.simulated import is_served
from services.manifest.validation.summary import deployment_time, summarize
from services.manifest.validation.workloads import check_workloads
from shared.catalog import Catalog
from shared.kube.definitions import DEFAULT_VERSION
from shared.reading.yaml_text import YamlDocument, read
from shared.rpc import CapacityReply, ValidateReply
from shared.tenants import NAMESPACE_PREFIX


@dataclass(frozen=True, slots=True)
class Question:
    """How to look at a manifest. `capacity` is a reply, or the reason why there is none, or None for not asked."""

    tenant_id: str | None = None
    strict: bool = True
    simulator: bool = False
    version: str = DEFAULT_VERSION
    capacity: CapacityReply | str | None = None

    @property
    def namespace(self) -> str | None:
        return f"{NAMESPACE_PREFIX}{self.tenant_id}" if self.tenant_id else None


def validate_text(text: str | bytes, question: Question, catalog: Catalog) -> ValidateReply:
    """All findings about a manifest's text. Never raises for its content."""
    reading = read(text)
    findings = Findings(question.strict)
    for problem in reading.problems:
        findings.add_problem(problem)
    reply = _validate(reading.documents, findings, question, catalog)
    return _finished(reply, findings, question, reading.text if reading.documents else None)


def validate_objects(objects: Sequence[Obj], question: Question, catalog: Catalog) -> ValidateReply:
    """The same for objects that no text was read for; findings have no lines, `document` is the object's number."""
    findings = Findings(question.strict)
    documents = tuple(YamlDocument(index, 0, each) for index, each in enumerate(objects))
    reply = _validate(documents, findings, question, catalog)
    return _finished(reply, findings, question, None)


def _validate(
    documents: tuple[YamlDocument, ...], findings: Findings, question: Question, catalog: Catalog
) -> ValidateReply:
    items = list(objects_of(documents, findings, question.namespace or "default"))
    if not items and not findings:
        findings.add("EMPTY_MANIFEST")
    for item in items:
        check_schema(item, question.version, findings)
    manifest = Manifest(items)
    check_references(manifest, findings, question.namespace)
    check_workloads(manifest, findings)
    check_limits(manifest, findings)
    check_security(manifest, findings)
    if isinstance(question.capacity, CapacityReply):
        check_capacity(manifest, question.capacity, findings)
    elif question.capacity is not None:
        findings.add("CAPACITY_UNKNOWN", reason=question.capacity)
    if question.simulator:
        _check_simulator(items, findings)
    return ValidateReply(
        valid=True,
        kubernetes_version=question.version,
        resource_summary=summarize(manifest, catalog),
        deployment_time=deployment_time(manifest, catalog),
    )


def _check_simulator(items: Sequence[Item], findings: Findings) -> None:
    """Custom resources are skipped by the deployer where a cluster lacks them: those are no obstacle."""
    for item in items:
        if not is_served(item.api_version, item.kind) and not is_custom(item.api_version.rpartition("/")[0]):
            findings.add("SIMULATOR_UNSERVED", item, ("kind",), kind=item.kind, version=item.api_version)


def _finished(reply: ValidateReply, findings: Findings, question: Question, text: str | None) -> ValidateReply:
    written = findings.written(text)
    valid = not any(each.severity == "error" for each in written)
    compatible = valid and not any(each.code == "SIMULATOR_UNSERVED" for each in written)
    return reply.model_copy(
        update={
            "valid": valid,
            "findings": written,
            "simulator_compatible": compatible if question.simulator else None,
        }
    )
