"""The settings of the embedded stack: defaults that the guides rely on, and faults that name their variable."""

from pathlib import Path

import pytest

from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings

DOCUMENTED_PORTS = {
    "GATEWAY_PORT": 8001,
    "SIMULATOR_PORT": 6360,
    "SIMULATOR_HTTPS_PORT": 6361,
    "NATS_PORT": 4222,
    "NATS_MONITOR_PORT": 8222,
    "DATABASE_PORT": 5433,
    "DEMO_DATABASE_PORT": 5434,
    "SIMULATOR_DATABASE_PORT": 6350,
    "CALCULATOR_PORT": 8011,
    "MANIFEST_PORT": 8012,
    "DEPLOYER_PORT": 8013,
    "MONITOR_PORT": 8014,
}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*DOCUMENTED_PORTS, "ECP_DATA_DIR", "SCALE"):
        monkeypatch.delenv(variable, raising=False)


def test_the_defaults_are_the_guides_ports_and_one_copy_of_each_worker() -> None:
    settings = EmbeddedSettings.read()

    assert {port.variable: port.number for port in settings.ports()} == DOCUMENTED_PORTS
    assert settings.data_dir == Path.cwd() / ".ecp"


def test_no_service_finds_a_database_s_address_in_the_environment_that_all_have() -> None:
    assert not {"DATABASE_URL", "DEMO_DATABASE_URL", "SIMULATOR_DATABASE_URL"} & set(
        EmbeddedSettings.read().service_environment()
    )


def test_each_port_is_changed_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for offset, variable in enumerate(DOCUMENTED_PORTS):
        monkeypatch.setenv(variable, str(20000 + 100 * offset))

    ports = {port.variable: port.number for port in EmbeddedSettings.read().ports()}

    assert ports == {variable: 20000 + 100 * offset for offset, variable in enumerate(DOCUMENTED_PORTS)}


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "")
    monkeypatch.setenv("SCALE", "")

    assert EmbeddedSettings.read().gateway_port == 8001
    assert EmbeddedSettings.read().scale == {}


def test_copies_of_a_worker_listen_ten_ports_apart() -> None:
    settings = EmbeddedSettings.read(scale="calculator=3 manifest=2")

    assert settings.worker_ports("calculator") == [8011, 8021, 8031]
    assert settings.worker_ports("manifest") == [8012, 8022]
    assert settings.worker_ports("deployer") == [8013]
    assert len({port.number for port in settings.ports()}) == len(DOCUMENTED_PORTS) + 3


def test_the_scale_is_read_from_the_environment_and_commas_do_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALE", "calculator=2, monitor=2")

    assert EmbeddedSettings.read().scale == {"calculator": 2, "monitor": 2}


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        ("calculater=2", "calculator, manifest, deployer, monitor"),
        ("gateway=2", "the workers that can have copies are"),
        ("calculator", "calculator=<a number from 1 to 20>"),
        ("calculator=0", "a number from 1 to 20"),
        ("calculator=-1", "a number from 1 to 20"),
        ("calculator=99", "a number from 1 to 20"),
        ("calculator=two", "a number from 1 to 20"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused_with_what_would(scale: str, reason: str) -> None:
    with pytest.raises(EmbeddedError, match="SCALE") as refusal:
        EmbeddedSettings.read(scale=scale)

    assert reason in str(refusal.value)


def test_every_bad_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "eight")
    monkeypatch.setenv("NATS_PORT", "70000")

    with pytest.raises(EmbeddedError) as refusal:
        EmbeddedSettings.read()

    assert "GATEWAY_PORT" in str(refusal.value)
    assert "NATS_PORT" in str(refusal.value)


def test_services_listen_on_loopback_whatever_the_shell_calls_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "my-laptop")

    assert EmbeddedSettings.read().service_environment()["HOST"] == "127.0.0.1"
