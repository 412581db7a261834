"""The command `ecp`, and `make dlq`, which is `ecp dlq`."""

import importlib.util
import os
import sys
from typing import Annotated

import typer

from cli.dead_letters import app as dead_letters
from shared.version import VERSION

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(dead_letters, name="dlq")


@app.command("env")
def environment(
    passwords: Annotated[bool, typer.Option("--passwords", help="With the passwords in them.")] = False,
) -> None:
    """Print the addresses of what `make run` runs, as `export NAME=url`."""
    if importlib.util.find_spec("embedded") is None:
        typer.echo("There is no `make run` in an image: the addresses of containers are in .env.", err=True)
        raise typer.Exit(1)
    arguments = ["-m", "embedded", "env", *(["--passwords"] if passwords else [])]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - to become the command is the purpose


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ecp {VERSION}")
        raise typer.Exit


@app.callback(help="ECP-AI Kubernetes Orchestrator")
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """The options of `ecp` itself; `--version` has done its work before this runs."""


def main() -> None:
    app()


if __name__ == "__main__":
    main()
