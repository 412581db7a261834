"""The command `ecp`, and `make dlq`, which is `ecp dlq`."""

import typer

from cli.dead_letters import app as dead_letters

app = typer.Typer(no_args_is_help=True, help="ECP-AI Kubernetes Orchestrator", pretty_exceptions_enable=False)
app.add_typer(dead_letters, name="dlq")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
