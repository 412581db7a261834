"""The databases' passwords: made once, kept in one private file, and those of the environment honoured."""

import json
import shlex
import stat
from pathlib import Path

import pytest

from embedded.addresses import addresses
from embedded.databases import EmbeddedDatabases
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings

PRINTED = "postgresql://ecp_user:ecp_password@127.0.0.1:5433/ecp_orchestrator"
VARIABLES = ("DATABASE_URL", "DEMO_DATABASE_URL", "SIMULATOR_DATABASE_URL", "DATABASE_PORT")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "database-passwords.json"


def test_the_databases_have_the_guides_names_ports_and_users(file: Path) -> None:
    databases = EmbeddedDatabases(EmbeddedSettings.read(), file)
    urls = databases.owner_urls().items()
    found = {name: url.replace(databases.all[index].login.password, "...") for index, (name, url) in enumerate(urls)}

    assert found == {
        "DATABASE_URL": "postgresql://ecp_user:...@127.0.0.1:5433/ecp_orchestrator",
        "DEMO_DATABASE_URL": "postgresql://ecp_demo_user:...@127.0.0.1:5434/ecp_orchestrator_demo",
        "SIMULATOR_DATABASE_URL": "postgresql://k8s_user:...@127.0.0.1:6350/k8s_simulator",
    }


def test_addresses_are_lines_for_a_shell_with_passwords_only_where_they_are_asked_for(tmp_path: Path) -> None:
    settings = EmbeddedSettings.read(data_dir=tmp_path)
    with pytest.raises(EmbeddedError, match="make run"):
        addresses(settings, passwords=False)
    file = DataDirectory.prepare(tmp_path).addresses
    file.write_text(json.dumps({"DATABASE_URL": "postgresql://us:s$cret@127.0.0.1:5433/x", "GATEWAY_URL": "http://y"}))

    assert addresses(settings, passwords=False) == [
        "export DATABASE_URL=postgresql://us@127.0.0.1:5433/x",
        "export GATEWAY_URL=http://y",
    ]
    [line, _] = addresses(settings, passwords=True)
    assert shlex.split(line) == ["export", "DATABASE_URL=postgresql://us:s$cret@127.0.0.1:5433/x"]


def test_passwords_are_random_private_and_the_same_at_the_next_start(file: Path) -> None:
    first, second = EmbeddedDatabases(EmbeddedSettings.read(), file), EmbeddedDatabases(EmbeddedSettings.read(), file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.owner_urls() == second.owner_urls()
    given = [password for each in first.all for password in each.passwords.values()]
    assert len(given) == len(set(given)) == 11
    assert min(map(len, given)) >= 32
    assert list(first.remarks()) == []


def test_each_service_has_a_login_of_its_own_and_workers_without_tables_have_none(file: Path) -> None:
    databases = EmbeddedDatabases(EmbeddedSettings.read(), file)

    users = {name: databases.urls_of(name).get("DATABASE_URL", "").partition(":")[2][2:].partition(":")[0]
             for name in ("gateway", "monitor", "calculator", "deployer")}  # fmt: skip
    assert users == {"gateway": "ecp_gateway", "monitor": "ecp_monitor", "calculator": "", "deployer": ""}
    assert set(databases.urls_of("simulator")) == {"SIMULATOR_DATABASE_URL"}


def test_the_printed_password_is_honoured_with_a_remark_and_only_while_it_is_given(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", PRINTED)
    databases = EmbeddedDatabases(EmbeddedSettings.read(), file)

    assert databases.owner_urls()["DATABASE_URL"] == PRINTED
    assert len(databases.servers) == 3
    [remark] = databases.remarks()
    assert "DATABASE_URL has the password that the guides print" in remark
    assert "ecp_password" not in databases.urls_of("gateway")["DATABASE_URL"]

    monkeypatch.delenv("DATABASE_URL")
    assert "ecp_password" not in EmbeddedDatabases(EmbeddedSettings.read(), file).owner_urls()["DATABASE_URL"]


def test_a_password_of_one_s_own_stays_when_the_variable_is_gone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://ecp_user:s%40cret@localhost:5433/ecp_orchestrator"
    monkeypatch.setenv("DATABASE_URL", url)
    assert list(EmbeddedDatabases(EmbeddedSettings.read(), file).remarks()) == []

    monkeypatch.delenv("DATABASE_URL")
    assert EmbeddedDatabases(EmbeddedSettings.read(), file).owner_urls()["DATABASE_URL"] == url.replace(
        "localhost", "127.0.0.1"
    )


def test_a_database_elsewhere_is_used_with_its_own_login_and_no_server_is_started(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://us:secret@db.example:5432/ours?sslmode=require"
    monkeypatch.setenv("DATABASE_URL", url)
    databases = EmbeddedDatabases(EmbeddedSettings.read(), file)

    assert databases.urls_of("monitor")["DATABASE_URL"] == databases.owner_urls()["DATABASE_URL"] == url
    assert [each.name for each in databases.servers] == ["postgres-demo", "postgres-simulator"]
    [remark] = databases.remarks()
    assert "db.example:5432/ours" in remark
    assert "secret" not in remark


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ecp_user:x@127.0.0.1:5433/ecp_orchestrator",
        "postgresql://another_user:x@127.0.0.1:5433/ecp_orchestrator",
        "postgresql://ecp_user@127.0.0.1:5433/ecp_orchestrator",
        "postgresql://ecp_user:a%0Ab@127.0.0.1:5433/ecp_orchestrator",
        "postgresql://ecp_user:x@127.0.0.1:port/ecp_orchestrator",
    ],
)
def test_a_url_that_can_t_be_honoured_is_refused_by_its_name_and_without_its_password(
    file: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(EmbeddedError, match="DATABASE_URL") as refusal:
        EmbeddedDatabases(EmbeddedSettings.read(), file)
    assert ":x@" not in str(refusal.value)


def test_a_role_that_a_later_version_adds_gets_its_password_and_the_others_keep_theirs(file: Path) -> None:
    before = EmbeddedDatabases(EmbeddedSettings.read(), file)
    known = json.loads(file.read_text())
    del known["postgres"]["ecp_monitor"]
    file.write_text(json.dumps(known))

    after = EmbeddedDatabases(EmbeddedSettings.read(), file)

    assert after.owner_urls() == before.owner_urls()
    assert after.urls_of("monitor") != before.urls_of("monitor")
