"""deploy/kubernetes/certificates.yaml: certificates for the names that services connect to, from one authority."""

from typing import Any

import yaml

from tools.locks import ROOT

OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "certificates.yaml").read_text(encoding="utf-8"))
)
CERTIFICATES = {each["metadata"]["name"]: each["spec"] for each in OBJECTS if each["kind"] == "Certificate"}
AUTHORITY = CERTIFICATES.pop("ecp-authority")


def test_the_servers_have_the_names_of_their_services_in_the_cluster() -> None:
    for name in ("ecp-nats", "ecp-postgres"):
        spec = CERTIFICATES[name]
        assert spec["usages"] == ["digital signature", "server auth"]
        assert {name, f"{name}.ecp-system", f"{name}.ecp-system.svc"} < set(spec["dnsNames"])
    assert CERTIFICATES["ecp-services"]["usages"] == ["digital signature", "client auth"]


def test_each_certificate_is_of_the_authority_and_renewed_with_another_key_before_it_ends() -> None:
    [issuer] = [each for each in OBJECTS if each["kind"] == "Issuer" and each["metadata"]["name"] == "ecp-authority"]
    assert issuer["spec"]["ca"]["secretName"] == AUTHORITY["secretName"]
    assert AUTHORITY["isCA"] is True
    for spec in CERTIFICATES.values():
        assert spec["issuerRef"] == {"name": "ecp-authority", "kind": "Issuer"}
        assert spec["privateKey"]["rotationPolicy"] == "Always"
        assert int(spec["renewBefore"].removesuffix("h")) < int(spec["duration"].removesuffix("h"))
    assert {each["metadata"]["namespace"] for each in OBJECTS} == {"ecp-system"}
