"""The README of a package, in the language of the request. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from services.gateway.http.language import Translator
from services.gateway.manifests.schemas import ValidatedManifest
from shared.messages import Sentence, sentence


class Summary(NamedTuple):
    """What the README tells of the tenant."""

    tenant_id: str
    namespace: str
    revision: int
    digest: str


def readme(summary: Summary, verdict: ValidatedManifest, objects: int, texts: Translator) -> str:
    """The README in Markdown."""

    def text(part: Sentence) -> str:
        return texts.text(*part)

    english = "Tenant {tenant_id}, revision {revision}"
    title = sentence("package-title", english, tenant_id=summary.tenant_id, revision=summary.revision)
    lines = [f"# {text(title)}", "", text(_content(summary, objects)), ""]
    lines += [f"## {text(sentence('package-apply', 'Apply'))}", "", "```bash", *_commands(summary), "```", ""]
    lines += [f"- {text(each)}" for each in _notes(summary)]
    lines += ["", f"## {text(sentence('package-checks', 'Checks'))}", ""]
    lines += [f"- {text(each)}" for each in _checks(verdict)]
    return "\n".join(lines) + "\n"


def _content(summary: Summary, objects: int) -> Sentence:
    english = "{objects} objects in the namespace {namespace}, rendered from the manifest {digest}."
    return sentence("package-content", english, objects=objects, namespace=summary.namespace, digest=summary.digest)


def _commands(summary: Summary) -> Iterator[str]:
    yield "sha256sum -c SHA256SUMS"
    yield "kubectl apply -k ."
    yield f"kubectl wait --for=condition=available --timeout=600s deployment --all -n {summary.namespace}"


def _notes(summary: Summary) -> Iterator[Sentence]:
    yield sentence(
        "package-order",
        "The files in manifests/ are numbered in the order of apply: limits, what runs, what exposes it.",
    )
    yield sentence(
        "package-secrets",
        "It has no secret values. Fill the Secret ecp-ai-credentials in the cluster, if the services need one.",
    )
    yield sentence(
        "package-report",
        "Report the result by POST /api/v1/tenants/{tenant_id}/deployment-status: status and deployed_at.",
        tenant_id=summary.tenant_id,
    )
    yield sentence(
        "package-deployed",
        "A tenant that is deployed by the orchestrator needs none of this; an apply by hand would show as drift there.",
    )


def _checks(verdict: ValidatedManifest) -> Iterator[Sentence]:
    pods, cpu = verdict.resource_summary.estimated_pods, verdict.resource_summary.total_cpu
    memory, gpu = verdict.resource_summary.total_memory, verdict.resource_summary.total_gpu
    english = "{pods} pods, {cpu} CPU, {memory} memory, {gpu} GPUs; about {cost}."
    yield sentence(
        "package-resources", english, pods=pods, cpu=cpu, memory=memory, gpu=gpu, cost=verdict.estimated_cost
    )
    found = "{errors} errors and {warnings} warnings for Kubernetes {version}; all are in checks/validation.json."
    yield sentence(
        "package-findings",
        found,
        errors=len(verdict.errors),
        warnings=len(verdict.warnings),
        version=verdict.kubernetes_version,
    )
