"""compose.yaml has the guides' names and ports, hardening and limits, and no default for a secret."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from embedded.settings import EmbeddedSettings
from shared.access import ACCESS
from shared.settings import EXAMPLE_PASSWORDS
from tools.locks import IMAGES, ROOT
from tools.nats_accounts import variable

pytestmark = pytest.mark.slow


TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    if "=" in line and not line.startswith("# ")
)
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
STEPS = {"roles", "migrate", "bootstrap", "ecp"}
THE_GUIDES_SERVICES = ("backend", "postgres", "postgres-demo", "k8s-simulator-backend", "k8s-simulator-postgres")
THE_GUIDES_PORTS = {
    "backend": 8001,
    "postgres": 5433,
    "postgres-demo": 5434,
    "k8s-simulator-postgres": 6350,
    "k8s-simulator-backend": 6360,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3001,
}


def published(service: str) -> int:
    port, *_ = SERVICES[service]["ports"]
    return int(re.search(r":-(\d+)}:\d+$", port)[1])


def test_the_guides_services_have_their_names_and_ports() -> None:
    assert {service: published(service) for service in THE_GUIDES_PORTS} == THE_GUIDES_PORTS
    assert set(THE_GUIDES_SERVICES) <= set(SERVICES)
    assert SERVICES["backend"]["networks"]["ecp-network"]["aliases"] == ["gateway"]
    assert SERVICES["k8s-simulator-backend"]["networks"]["ecp-network"]["aliases"] == ["simulator"]


def test_ports_are_published_on_this_machine_only_and_changed_by_make_run_s_variables() -> None:
    known = {port.variable for port in EmbeddedSettings.read().ports()} | {
        "PROMETHEUS_PORT",
        "ALERTMANAGER_PORT",
        "GRAFANA_PORT",
    }
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:${")
            assert re.findall(r"{([A-Z_]+_PORT)", port)[0] in known


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert "privileged" not in service
    assert name not in OURS or "cap_add" not in service


@pytest.mark.parametrize("worker", ["calculator", "manifest", "deployer", "monitor"])
def test_a_worker_can_have_copies(worker: str) -> None:
    assert not {"ports", "container_name", "volumes"} & set(SERVICES[worker])


def test_everything_starts_when_what_it_needs_is_there() -> None:
    for name in ("backend", "calculator", "manifest", "deployer", "monitor"):
        conditions = {need: how["condition"] for need, how in SERVICES[name]["depends_on"].items()}
        assert conditions == dict.fromkeys(("migrate", "bootstrap"), "service_completed_successfully")
    for name in ("migrate", "k8s-simulator-backend"):
        assert SERVICES[name]["depends_on"] == {"roles": {"condition": "service_completed_successfully"}}
    for name in ("roles", "bootstrap"):
        for need, how in SERVICES[name]["depends_on"].items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[need]


@pytest.mark.parametrize("name", ["CONNECTIONS_PER_ADDRESS", "SOCKETS_PER_ADDRESS", "SOCKETS_PER_CALLER"])
def test_bounds_of_an_address_can_be_set_because_a_published_port_makes_many_one(name: str) -> None:
    assert SERVICES["backend"]["environment"][name] == f"${{{name}:-}}"


def test_what_holds_data_holds_it_in_a_volume() -> None:
    for name in ("nats", "postgres", "postgres-demo", "k8s-simulator-postgres", "prometheus", "grafana"):
        assert [each for each in SERVICES[name]["volumes"] if each.split(":")[0] in COMPOSE["volumes"]], name


def test_no_secret_has_a_default() -> None:
    secrets = set(re.findall(r"\${([A-Z_]*(?:PASSWORD|DATABASE_URL))[:}]", TEXT))
    required = set(re.findall(r"\${([A-Z_]+):\?", TEXT))

    assert {variable(account) for account in ACCESS} <= secrets
    assert secrets == required
    assert secrets <= set(EXAMPLE)


def test_what_the_example_gives_away_is_refused_in_production() -> None:
    assert {value for name, value in EXAMPLE.items() if name.endswith("_PASSWORD")} == EXAMPLE_PASSWORDS
    assert EXAMPLE["POSTGRES_PASSWORD"] in EXAMPLE["DATABASE_URL"]
    assert EXAMPLE["DEMO_POSTGRES_PASSWORD"] in EXAMPLE["DEMO_DATABASE_URL"]


def test_a_service_has_the_password_of_its_own_account_and_no_other() -> None:
    for name, service in OURS.items():
        account = {"backend": "gateway", "ecp": "operator"}.get(name, name)
        given = set(re.findall(r"NATS_[A-Z]+_PASSWORD", str(service["environment"])))
        assert given == ({variable(account)} if account in ACCESS else set()), name


def test_no_login_that_a_service_has_is_the_server_s_superuser() -> None:
    for name in ("postgres", "postgres-demo", "k8s-simulator-postgres"):
        assert SERVICES[name]["environment"]["POSTGRES_USER"] == "postgres"
        # Its password is removed before the server listens on the network.
        assert "./deploy/postgres:/docker-entrypoint-initdb.d:ro" in SERVICES[name]["volumes"]
    users = {name: urlsplit(url).username for name, url in EXAMPLE.items() if name.endswith("DATABASE_URL")}
    assert "postgres" not in users.values()
    assert {service["environment"].get("DATABASE_URL") for service in (SERVICES["backend"], SERVICES["monitor"])} == {
        "${GATEWAY_DATABASE_URL}",
        "${MONITOR_DATABASE_URL}",
    }


def test_a_superuser_s_socket_is_in_no_container_but_the_server_and_the_step_that_makes_roles() -> None:
    mounted = {
        name: {volume.split(":")[0] for volume in service.get("volumes", ()) if "-socket:" in volume}
        for name, service in SERVICES.items()
    }
    assert mounted.pop("roles") == {"postgres-socket", "postgres-demo-socket", "simulator-socket"}
    assert {name for name, sockets in mounted.items() if sockets} == {
        "postgres",
        "postgres-demo",
        "k8s-simulator-postgres",
    }


def test_each_image_is_used() -> None:
    assert {service["build"]["target"] for service in OURS.values()} == set(IMAGES)


def test_what_the_guides_first_page_shows_is_there_without_a_profile() -> None:
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert {name for name, where in profiles.items() if where == ["observability"]} == {
        "prometheus",
        "alertmanager",
        "grafana",
    }
    assert {name for name, where in profiles.items() if where is None} == set(SERVICES) - {
        "prometheus",
        "alertmanager",
        "grafana",
        "ecp",
    }


def test_prometheus_scrapes_every_service_and_sends_to_the_alertmanager() -> None:
    config = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text(encoding="utf-8"))
    targets = {
        target.split(":")[0]
        for job in config["scrape_configs"]
        for each in job.get("static_configs", [])
        for target in each["targets"]
    }
    looked_up = {
        name for job in config["scrape_configs"] for each in job.get("dns_sd_configs", []) for name in each["names"]
    }

    assert targets | looked_up == set(OURS) - STEPS
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    documented = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert {job["job_name"] for job in documented["scrape_configs"]} <= {
        job["job_name"] for job in config["scrape_configs"]
    }


def test_grafana_s_dashboard_is_where_its_provider_looks_and_asks_the_provisioned_source() -> None:
    [provider] = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/ecp.yaml").read_text())["providers"]
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/ecp.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    assert {panel["datasource"]["uid"] for panel in panels} <= {source["uid"] for source in sources}
    assert sources[0]["url"] == "http://prometheus:9090"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    # The three panels of the production guide, by title or by content.
    assert {"활성 테넌트 수", "테넌트별 CPU 사용률", "요청 성공률"} <= {panel["title"] for panel in panels}
    assert all(panel["targets"] for panel in panels)


def test_grafana_s_dashboard_asks_for_metrics_that_the_code_has() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/ecp.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked = {name for expression in expressions for name in re.findall(r"\becp_[a-z_]+", expression)}
    code = "".join(
        path.read_text(encoding="utf-8") for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")
    )
    # FastStream's metrics have our prefix; the gateway has one usage metric each for CPU, memory and GPU.
    known = set(re.findall(r'"(ecp_[a-z_]+)"', code)) | {
        f"ecp_tenant_{each}_usage" for each in ("cpu", "memory", "gpu")
    }
    theirs = ("ecp_bus_received_processed_messages",)

    bare = {re.sub(r"_(bucket|count|total)$", "", name) for name in asked}
    assert {name for name in bare if not name.startswith(theirs)} <= known | {
        re.sub("_total$", "", name) for name in known
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_grafana_s_expressions_are_promql(tmp_path: Path) -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/ecp.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = [{"record": f"a:b{number}", "expr": expression} for number, expression in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    done = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_with_a_real_cluster_only_the_deployer_and_the_monitor_have_a_kubeconfig_each_its_own() -> None:
    override = yaml.safe_load((ROOT / "deploy/compose/kubernetes.yaml").read_text(encoding="utf-8"))["services"]

    assert override["backend"] == {"environment": {"KUBERNETES_ENABLED": "true"}}
    mounted = {name: service["volumes"][0] for name, service in override.items() if "volumes" in service}
    assert set(mounted) == {"deployer", "monitor"}
    assert mounted["deployer"].startswith("${KUBERNETES_CONFIG_PATH:")
    assert mounted["monitor"].startswith("${MONITOR_KUBERNETES_CONFIG_PATH:")


def test_with_tls_every_service_checks_what_it_connects_to() -> None:
    overlay = yaml.safe_load((ROOT / "deploy" / "compose" / "tls.yaml").read_text(encoding="utf-8"))["services"]
    for name, service in SERVICES.items():
        environment = {**service.get("environment", {}), **overlay.get(name, {}).get("environment", {})}
        urls = {variable: url for variable, url in environment.items() if variable.endswith("_URL")}
        on_nats = [url for variable, url in urls.items() if variable in ("NATS_URL", "OPERATOR_NATS_URL")]
        assert all(url.startswith("tls://") for url in on_nats), name
        assert not on_nats or environment["NATS_CA_FILE"] == "/etc/ecp-tls/ca.crt"
        # The step `roles` uses the servers' sockets.
        databases = [url for variable, url in urls.items() if "DATABASE" in variable and name != "roles"]
        assert all(url.endswith("?sslmode=verify-full&sslrootcert=/etc/ecp-tls/ca.crt") for url in databases), name
    for name in ("postgres", "postgres-demo", "k8s-simulator-postgres"):
        assert overlay[name]["entrypoint"] == ["sh", "/etc/ecp-tls/start.sh"]
        assert "./deploy/compose/postgres-tls.sh:/etc/ecp-tls/start.sh:ro" in overlay[name]["volumes"]


def test_prometheus_has_the_same_jobs_with_tls() -> None:
    plain, tls = (
        yaml.safe_load((ROOT / "deploy" / "compose" / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "prometheus-tls.yml")
    )
    tls["scrape_configs"][0].pop("scheme")
    tls["scrape_configs"][0].pop("tls_config")

    assert tls == plain


def test_the_gateway_and_the_simulator_ask_the_same_identity_provider() -> None:
    names = {name for name in SERVICES["backend"]["environment"] if name.startswith(("OIDC_", "AUTHENTICATION"))}
    assert {"OIDC_ISSUER", "OIDC_CLIENT_ID", "AUTHENTICATION"} <= names
    for name in names:
        assert SERVICES["k8s-simulator-backend"]["environment"][name] == SERVICES["backend"]["environment"][name]
