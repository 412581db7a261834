"""`GET /tenants/{id}/package`: the zip of a rendered and validated manifest."""

import asyncio
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from shared.kube.manifest_text import rank
from tests.support.gateway import DEMO, Gateway, error_of

KUBECTL = shutil.which("kubectl")


async def fetch(gateway: Gateway, tenant_id: str, query: str = "", **headers: str) -> httpx.Response:
    answer = await gateway.http.get(f"/tenants/{tenant_id}/package{query}", headers=DEMO | headers)
    assert answer.status_code in (200, 304), answer.text
    return answer


def contents(answer: httpx.Response) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {each: archive.read(each).decode() for each in archive.namelist()}


async def test_the_objects_are_those_of_the_manifest_in_numbered_files(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    answer = await fetch(gateway, tenant_id, "?include_ingress=true&external_secrets=true")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{tenant_id}.zip"'
    files = contents(answer)
    names = [each for each in files if each.startswith("manifests/")]
    assert names == sorted(names)
    assert names[0] == f"manifests/01-namespace-ecp-ai-{tenant_id}.yaml"
    objects = [yaml.safe_load(files[each]) for each in names]
    assert [rank(each["kind"]) for each in objects] == sorted(rank(each["kind"]) for each in objects)
    text = await gateway.http.get(
        f"/tenants/{tenant_id}/manifest?include_ingress=true&external_secrets=true", headers=DEMO
    )
    rendered = list(yaml.safe_load_all(text.text))
    assert sorted(map(json.dumps, objects)) == sorted(map(json.dumps, rendered))
    assert yaml.safe_load(files["kustomization.yaml"])["resources"] == names


async def test_the_bytes_stay_the_same_and_have_an_etag(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    first, second = [await fetch(gateway, tenant_id) for _ in range(2)]
    assert first.content == second.content
    unchanged = await fetch(gateway, tenant_id, **{"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    await gateway.http.patch(f"/tenants/{tenant_id}", json={"service_requirements": {"callbot": 90}}, headers=DEMO)
    changed = await fetch(gateway, tenant_id, **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_the_readme_and_the_findings_are_in_the_language_of_the_request(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    english = contents(await fetch(gateway, tenant_id, "?prometheus_operator=true"))
    korean = contents(await fetch(gateway, tenant_id, "?prometheus_operator=true", **{"Accept-Language": "ko"}))
    assert f"# Tenant {tenant_id}, revision 1" in english["README.md"]
    assert f"# 테넌트 {tenant_id}, 리비전 1" in korean["README.md"]
    for files in (english, korean):
        assert "kubectl apply -k ." in files["README.md"]
    findings = json.loads(english["checks/validation.json"])
    assert findings["valid"] is True
    assert {each["code"] for each in findings["findings"]} == {"KIND_CUSTOM"}
    for each in findings["findings"]:
        line = english[each["file"]].splitlines()[each["line"] - 1]
        assert line.startswith(("apiVersion", "kind")), line
    assert json.loads(korean["checks/validation.json"])["findings"][0]["message"] != findings["findings"][0]["message"]


async def test_the_checksums_fit_and_kubectl_reads_the_kustomization(gateway: Gateway, tmp_path: Path) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    files = contents(await fetch(gateway, tenant_id))
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    summed = await asyncio.to_thread(run, "sha256sum", "--strict", "-c", "SHA256SUMS")
    assert summed.returncode == 0, summed.stdout
    assert summed.stdout.count(": OK") == len(files) - 1
    if KUBECTL is None:
        pytest.skip("there is no kubectl to read the kustomization")
    built = await asyncio.to_thread(run, KUBECTL, "kustomize", ".")
    assert built.returncode == 0, built.stderr
    assert len(list(yaml.safe_load_all(built.stdout))) == sum(each.startswith("manifests/") for each in files)


async def test_a_package_is_refused_as_a_manifest_is(gateway: Gateway) -> None:
    unknown = await gateway.http.get("/tenants/unknown/package", headers=DEMO)
    error_of(unknown, 404, "TENANT_NOT_FOUND")
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    foreign = await gateway.http.get(f"/tenants/{tenant_id}/package?namespace=kube-system", headers=DEMO)
    error_of(foreign, 422, "VALIDATION_ERROR")
