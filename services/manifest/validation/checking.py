"""Runs all checks in order: text, schema, rules for one object, then references between objects.

Pure: the same manifest has the same findings on every replica of this service. The caller provides the cluster's
capacity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.manifest.validation.capacity import check_capacity
from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.limits import check_limits
from services.manifest.validation.manifest import Manifest, ManifestObject
from services.manifest.validation.references import check_references
from services.manifest.validation.schema import check_schema, is_custom, objects_of
from services.manifest.validation.security import check_security
from services.manifest.validation.summary import deployment_time, summarize
from services.manifest.validation.workloads import check_workloads
from shared.catalog import Catalog
from shared.kube.definitions import DEFAULT_VERSION
from shared.kube.kinds import is_simulated
from shared.kube.objects import Obj
from shared.reading.yaml_text import YamlDocument, read
from shared.rpc import CapacityReply, ValidateReply
from shared.tenants import NAMESPACE_PREFIX


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """How to validate a manifest. `capacity` is a reply, the reason why it is unknown, or None to skip the check."""

    tenant_id: str | None = None
    strict: bool = True
    simulator: bool = False
    version: str = DEFAULT_VERSION
    capacity: CapacityReply | str | None = None

    @property
    def namespace(self) -> str | None:
        """The tenant's namespace; None without a tenant."""
        return f"{NAMESPACE_PREFIX}{self.tenant_id}" if self.tenant_id else None


def validate_text(text: str | bytes, options: ValidationOptions, catalog: Catalog) -> ValidateReply:
    """Validate the text of a manifest. Never raises because of its content."""
    reading = read(text)
    findings = FindingCollector(options.strict)
    for problem in reading.problems:
        findings.add_problem(problem)
    reply = _validate(reading.documents, findings, options, catalog)
    return _finished(reply, findings, options, reading.text if reading.documents else None)


def validate_objects(objects: Sequence[Obj], options: ValidationOptions, catalog: Catalog) -> ValidateReply:
    """Validate objects without a text: findings have no lines, and `document` is the index of the object."""
    findings = FindingCollector(options.strict)
    documents = tuple(YamlDocument(index, 0, each) for index, each in enumerate(objects))
    reply = _validate(documents, findings, options, catalog)
    return _finished(reply, findings, options, None)


def _validate(
    documents: tuple[YamlDocument, ...], findings: FindingCollector, options: ValidationOptions, catalog: Catalog
) -> ValidateReply:
    items = list(objects_of(documents, findings, options.namespace or "default"))
    if not items and not findings:
        findings.add("EMPTY_MANIFEST")
    for item in items:
        check_schema(item, options.version, findings)
    manifest = Manifest(items)
    check_references(manifest, findings, options.namespace)
    check_workloads(manifest, findings)
    check_limits(manifest, findings)
    check_security(manifest, findings)
    if isinstance(options.capacity, CapacityReply):
        check_capacity(manifest, options.capacity, findings)
    elif options.capacity is not None:
        findings.add("CAPACITY_UNKNOWN", reason=options.capacity)
    if options.simulator:
        _check_simulator(items, findings)
    return ValidateReply(
        valid=True,
        kubernetes_version=options.version,
        resource_summary=summarize(manifest, catalog),
        deployment_time=deployment_time(manifest, catalog),
    )


def _check_simulator(items: Sequence[ManifestObject], findings: FindingCollector) -> None:
    """Report kinds that the simulator doesn't serve. The deployer skips custom resources that a cluster lacks."""
    for item in items:
        if not is_simulated(item.api_version, item.kind) and not is_custom(item.api_version.rpartition("/")[0]):
            findings.add("SIMULATOR_UNSERVED", item, ("kind",), kind=item.kind, version=item.api_version)


def _finished(
    reply: ValidateReply, findings: FindingCollector, options: ValidationOptions, text: str | None
) -> ValidateReply:
    written = findings.written(text)
    valid = not any(each.severity == "error" for each in written)
    compatible = valid and not any(each.code == "SIMULATOR_UNSERVED" for each in written)
    return reply.model_copy(
        update={
            "valid": valid,
            "findings": written,
            "simulator_compatible": compatible if options.simulator else None,
        }
    )
