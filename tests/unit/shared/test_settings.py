"""What every service reads: a bad value stops the start by name, and a known password stops production."""

import pytest

from shared.database.settings import DatabaseSettings
from shared.settings import EXAMPLE_PASSWORDS, BusSettings, load


@pytest.mark.parametrize("password", sorted(EXAMPLE_PASSWORDS))
def test_production_refuses_the_example_s_passwords_and_doesn_t_repeat_them(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("NATS_URL", f"nats://gateway:{password}@nats:4222")

    with pytest.raises(SystemExit, match=r"^The environment is not usable: .*the password in NATS_URL") as stopped:
        load(BusSettings)

    assert password not in str(stopped.value)


def test_production_takes_passwords_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    for name in ("DATABASE_URL", "DEMO_DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://ecp_user:s3cret@postgres:5432/ecp_orchestrator")

    assert load(DatabaseSettings).environment == "production"


def test_development_takes_the_example_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://gateway:tryout@nats:4222")

    assert load(BusSettings).nats_url == "nats://gateway:tryout@nats:4222"


def test_a_bad_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ATTEMPTS", "none")

    with pytest.raises(
        SystemExit, match=r"The environment is not usable: MAX_ATTEMPTS: .* Correct it and start again\."
    ):
        load(BusSettings)
