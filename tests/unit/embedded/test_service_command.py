"""Which command lines start a service."""

import pytest

from embedded.launch import launcher
from embedded.service_command import service_module


def test_the_command_of_a_service_names_its_module_behind_the_launcher() -> None:
    assert service_module(launcher(["python", "-m", "services.gateway"])) == "services.gateway"


@pytest.mark.parametrize(
    "command", [[], ["nats-server"], ["python", "-m", "shared.bus"], ["python", "-m", "services.gateway", "--help"]]
)
def test_other_command_lines_start_none(command: list[str]) -> None:
    assert service_module(command) is None
