"""deploy/kubernetes: the network policies let through what the services need, and nothing else."""

from typing import Any

import pytest
import yaml

from embedded.settings import EmbeddedSettings
from shared.kube.semantics import validate
from shared.permissions import permissions
from tools.locks import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
POLICIES = list(yaml.safe_load_all((FOLDER / "network-policies.yaml").read_text(encoding="utf-8")))
PORTS = {"ecp-backend": 8001, "ecp-calculator": 8011, "ecp-manifest": 8012, "ecp-deployer": 8013, "ecp-monitor": 8014}
ON_NATS = {"ecp-backend", "ecp-calculator", "ecp-manifest", "ecp-deployer", "ecp-monitor", "ecp-bootstrap"}
ON_POSTGRES = {"ecp-backend", "ecp-monitor", "ecp-simulator", "ecp-migrate"}
APPS = {*PORTS, "ecp-simulator", "ecp-nats", "ecp-postgres", "ecp-migrate", "ecp-bootstrap"}


def apps_of(selector: dict[str, Any]) -> set[str]:
    """The values of `app` that a selector matches."""
    if app := selector.get("matchLabels", {}).get("app"):
        return {app}
    found = [set(each["values"]) for each in selector.get("matchExpressions", ()) if each["key"] == "app"]
    return found[0] if found else set(APPS)


def allowed(side: str, peers: str) -> set[tuple[str, str, int]]:
    """(selected app, app of the peer, port) of all policies, for peers in this namespace."""
    found = set()
    for policy in POLICIES:
        for rule in policy["spec"].get(side, ()):
            for peer in rule[peers]:
                if set(peer) == {"podSelector"}:
                    found |= {
                        (own, other, port["port"])
                        for own in apps_of(policy["spec"]["podSelector"])
                        for other in apps_of(peer["podSelector"])
                        for port in rule["ports"]
                    }
    return found


def test_kubernetes_accepts_each_policy() -> None:
    assert [cause for policy in POLICIES for cause in validate(policy, None)] == []
    assert {(each["kind"], each["metadata"]["namespace"]) for each in POLICIES} == {("NetworkPolicy", "ecp-system")}


def test_nothing_is_allowed_by_default() -> None:
    [first] = [each for each in POLICIES if each["metadata"]["name"] == "ecp-default-deny"]
    assert first["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_what_one_side_may_send_the_other_one_receives() -> None:
    sent = {(own, other, port) for own, other, port in allowed("egress", "to")}
    received = {(other, own, port) for own, other, port in allowed("ingress", "from")}
    assert sent == received


def test_each_service_reaches_what_it_needs() -> None:
    sent = allowed("egress", "to")
    assert {own for own, other, _ in sent if other == "ecp-nats"} - {"ecp-nats"} == ON_NATS
    assert {own for own, other, _ in sent if other == "ecp-postgres"} == ON_POSTGRES
    assert {own for own, other, _ in sent if other == "ecp-simulator"} == {"ecp-deployer", "ecp-monitor"}
    assert {f"ecp-{name}" for name in ("calculator", "manifest", "deployer", "monitor") if permissions(name)} < ON_NATS


def test_services_that_check_tokens_reach_the_identity_provider() -> None:
    """Its address isn't known, so it is any, at the port of HTTPS."""
    outside = {
        app
        for policy in POLICIES
        for rule in policy["spec"].get("egress", ())
        if {"ipBlock": {"cidr": "0.0.0.0/0"}} in rule["to"] and {"protocol": "TCP", "port": 443} in rule["ports"]
        for app in apps_of(policy["spec"]["podSelector"])
    }
    assert {"ecp-backend", "ecp-simulator"} <= outside


def test_prometheus_reaches_the_port_of_every_service() -> None:
    [policy] = [each for each in POLICIES if each["metadata"]["name"] == "ecp-metrics"]
    ports = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    embedded = EmbeddedSettings()

    assert {getattr(embedded, f"{name.removeprefix('ecp-').replace('backend', 'gateway')}_port") for name in PORTS} == {
        *PORTS.values()
    }
    assert ports == {*PORTS.values(), 8000}
    assert apps_of(policy["spec"]["podSelector"]) == {*PORTS, "ecp-simulator"}


@pytest.mark.parametrize("service", ["gateway", "monitor", "calculator", "manifest", "deployer", "simulator"])
def test_external_secrets_have_the_logins_of_each_service(service: str) -> None:
    text = (FOLDER / "external-secrets.yaml").read_text(encoding="utf-8")
    store, secret = yaml.safe_load_all(text)
    keys = {each["secretKey"] for each in secret["spec"]["data"] if each["secretKey"].startswith(service)}

    databases = (
        {f"{service}-database-url", f"{service}-demo-database-url"} if service in ("gateway", "monitor") else set()
    )
    own = {"simulator-database-url"} if service == "simulator" else {f"{service}-nats-url"}
    assert keys == databases | own
    assert secret["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": store["metadata"]["name"]}
