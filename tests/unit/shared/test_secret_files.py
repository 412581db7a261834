"""Secrets by environment or by file, and again when the file has changed."""

from pathlib import Path

import pytest

from services.gateway.settings import GatewaySettings
from services.simulator.settings import SimulatorSettings
from shared.bus.nats_login import addresses, connection_options
from shared.secret_files import latest
from shared.settings import BusSettings, load
from shared.subjects import Mode

URL = "postgresql://ecp_user:first-of-all@127.0.0.1:5433/ecp_orchestrator"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{URL}\n")
    return file


def test_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    settings = GatewaySettings()

    assert settings.database_url == URL
    assert "first-of-all" not in repr(settings)


def test_a_file_that_has_changed_is_read_again(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    settings = GatewaySettings()
    file.write_text(URL.replace("first-of-all", "two"))

    assert settings.postgres_url(Mode.PRODUCTION) == URL.replace("first-of-all", "two")
    assert settings.postgres_url(Mode.DEMO) == settings.demo_database_url
    file.unlink()
    assert settings.postgres_url(Mode.PRODUCTION) == URL, "the one of the start, while there is none"


def test_the_simulator_s_has_the_prefix_of_its_variable(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("SIMULATOR_DATABASE_URL_FILE", str(file))
    settings = SimulatorSettings()

    assert settings.database_url == URL
    file.write_text("postgresql://other")
    assert latest(settings, "database_url") == "postgresql://other"


def test_what_is_no_secret_is_in_no_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("LOG_LEVEL_FILE", str(file))
    monkeypatch.setenv("NATS_CA_FILE", "")
    assert GatewaySettings().log_level == "INFO"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "can't be read"), (b"", "is empty"), (b"\xff", "UTF-8"), (b"x" * 70_000, "64 KiB")]
)
def test_a_bad_file_stops_the_start_and_its_content_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, file: Path, content: bytes | None, problem: str
) -> None:
    monkeypatch.setenv("NATS_URL_FILE", str(file))
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        load(BusSettings)

    assert f"NATS_URL_FILE: {file}" in str(stopped.value)
    assert problem in str(stopped.value)
    assert "xxx" not in str(stopped.value)


def test_both_ways_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    monkeypatch.setenv("DATABASE_URL", URL)
    with pytest.raises(SystemExit, match="DATABASE_URL and DATABASE_URL_FILE are both set"):
        load(GatewaySettings)


def test_an_example_s_password_is_refused_from_a_file_too(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("nats://gateway:tryout@nats:4222")
    monkeypatch.setenv("NATS_URL_FILE", str(file))
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SystemExit, match="the password in NATS_URL is the example's"):
        load(BusSettings)


def test_nats_is_asked_for_the_login_at_each_connection(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("nats://gateway:o%2Fne@one:4222,nats://gateway:o%2Fne@two:4222")
    monkeypatch.setenv("NATS_URL_FILE", str(file))
    options = connection_options(BusSettings())

    assert options["servers"] == ["nats://one:4222", "nats://two:4222"]
    assert (options["user"](), options["password"]()) == ("gateway", "o/ne")
    file.write_text("nats://gateway:two@one:4222")
    assert options["password"]() == "two"
    assert "tls" not in options


def test_a_url_without_a_login_stays_as_it_is() -> None:
    assert addresses("nats://127.0.0.1:4222") == ["nats://127.0.0.1:4222"]
    assert addresses("nats://token@host:4222") == ["nats://token@host:4222"]
    assert "user" not in connection_options(BusSettings(nats_url="nats://127.0.0.1:4222"))


@pytest.mark.parametrize("variable", ["NATS_CA_FILE", "NATS_CERTIFICATE_FILE", "NATS_KEY_FILE"])
def test_certificates_for_a_connection_without_tls_are_refused(
    monkeypatch: pytest.MonkeyPatch, file: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(SystemExit, match="need a NATS_URL with tls://"):
        load(BusSettings)
