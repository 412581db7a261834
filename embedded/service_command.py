"""Which command lines start a service. Pure."""

from collections.abc import Sequence

_PACKAGE = "services."


def service_module(command: Sequence[str]) -> str | None:
    """The service that a command line starts, such as `services.gateway`; None for another program."""
    if len(command) < 2 or command[-2] != "-m" or not command[-1].startswith(_PACKAGE):
        return None
    return command[-1]
