"""The command `ecp`, and `make dlq`, which is `ecp dlq`."""

import importlib.util
import os
import sys
from typing import Annotated, NoReturn

import typer

from cli.adopt import adopt
from cli.audit import app as audit
from cli.dead_letters import app as dead_letters
from cli.keys import app as keys
from cli.kubeconfig import kubeconfig
from shared.version import VERSION

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(dead_letters, name="dlq")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.command("adopt")(adopt)
app.command("kubeconfig")(kubeconfig)


@app.command("env")
def environment(
    passwords: Annotated[bool, typer.Option("--passwords", help="With the passwords in them.")] = False,
) -> None:
    """Print the addresses of what `make run` runs, as `export NAME=url`."""
    _embedded(["env", *(["--passwords"] if passwords else [])], "the addresses of containers are in .env")


@app.command("bus", context_settings={"ignore_unknown_options": True, "help_option_names": []})
def bus(arguments: Annotated[list[str] | None, typer.Argument(help="add NAME, list, or remove NAME")] = None) -> None:
    """Accounts of other systems on the bus of `make run`: add NAME, list, remove NAME."""
    _embedded(["bus", *(arguments or ["--help"])], "systems of containers are in .env, NATS_OUTSIDE_SYSTEMS")


def _embedded(arguments: list[str], instead: str) -> NoReturn:
    if importlib.util.find_spec("embedded") is None:
        typer.echo(f"There is no `make run` in an image: {instead}.", err=True)
        raise typer.Exit(1)
    # To become the command is the purpose.
    os.execv(sys.executable, [sys.executable, "-m", "embedded", *arguments])  # noqa: S606


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ecp {VERSION}")
        raise typer.Exit


@app.callback(help="ECP-AI Kubernetes Orchestrator")
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options of `ecp` itself; `--version` has done its work before this runs."""


def main() -> None:
    """Run `ecp`; the entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
