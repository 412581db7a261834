"""A tenant's manifest as a zip for `kubectl apply -k`: the same input gives the same bytes. Pure.

    README.md                     what it is and how it is applied, in the language of the request
    kustomization.yaml            names the manifests in the order of apply
    manifests/01-namespace-….yaml one object each
    checks/validation.json        the findings, with their file and line
    SHA256SUMS                    for `sha256sum -c`

It has what the manifest has, and nothing else of the tenant. Its size is bounded by that of a message on the bus, which
the manifest comes in.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from services.gateway.http.language import Translator
from services.gateway.manifests.package_readme import Summary, readme
from services.gateway.manifests.schemas import ManifestFinding, ValidatedManifest
from shared.kube.manifest_text import rank
from shared.reading.single import parse_documents

_SEPARATOR = re.compile(r"^---\n", re.MULTILINE)
"""The writer of manifests escapes line breaks in values, so nothing else begins a line like this."""
_LONGEST_NAME = 80
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file; the earliest that a zip can have."""
_READABLE = 0o644 << 16
_UNIX = 3
_LEVEL = 6


class ManifestFile(NamedTuple):
    """One object of the manifest."""

    path: str
    text: str
    document: int
    """Its document in the manifest, from 0."""
    first_line: int
    """The line of the manifest in which it begins, from 1."""


def package(manifest: str, verdict: ValidatedManifest, summary: Summary, texts: Translator) -> bytes:
    """The zip."""
    files = manifest_files(manifest)
    contents = {
        "README.md": readme(summary, verdict, len(files), texts),
        "kustomization.yaml": kustomization(files),
        **{each.path: each.text for each in files},
        "checks/validation.json": _findings(verdict, files),
    }
    return _zipped({**contents, "SHA256SUMS": _checksums(contents)})


def manifest_files(manifest: str) -> list[ManifestFile]:
    """The manifest's objects in the order of apply, each in a numbered file."""
    found = []
    for document, (text, first_line) in enumerate(_documents(manifest)):
        obj = parse_documents(text)[0]
        found.append((rank(obj["kind"]), document, f"{obj['kind']}-{obj['metadata']['name']}", text, first_line))
    width = len(str(len(found)))
    return [
        ManifestFile(f"manifests/{number:0{width}}-{_safe(name)}.yaml", text, document, first_line)
        for number, (_, document, name, text, first_line) in enumerate(sorted(found), start=1)
    ]


def kustomization(files: Sequence[ManifestFile]) -> str:
    """The file for `kubectl apply -k`."""
    resources = "".join(f"- {each.path}\n" for each in files)
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{resources}"


def _documents(manifest: str) -> list[tuple[str, int]]:
    """Each document's text with the line in which it begins."""
    found, line = [], 1
    for text in _SEPARATOR.split(manifest):
        if text.strip():
            found.append((text, line))
        line += text.count("\n") + 1
    return found


def _safe(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")


def _findings(verdict: ValidatedManifest, files: Sequence[ManifestFile]) -> str:
    by_document = {each.document: each for each in files}
    body = verdict.model_dump(mode="json", exclude={"findings", "deployment_time"})
    body["findings"] = [_placed(each, by_document) for each in verdict.findings]
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _placed(finding: ManifestFinding, files: Mapping[int, ManifestFile]) -> dict[str, object]:
    """The finding with its file, and the line in it."""
    body = finding.model_dump(mode="json", exclude={"document"})
    file = files.get(finding.document) if finding.document is not None else None
    if file is not None and finding.line is not None:
        body |= {"line": max(1, finding.line - file.first_line + 1)}
    return {"file": file.path if file else None, **body}


def _checksums(contents: Mapping[str, str]) -> str:
    return "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in contents.items())


def _zipped(contents: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for path, text in contents.items():
            entry = zipfile.ZipInfo(path, _DATE)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, _UNIX, _READABLE
            archive.writestr(entry, text.encode())
    return buffer.getvalue()
