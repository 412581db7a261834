"""`ecp dlq`: what could not be handled, and what to do with it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar

import nats
import nats.errors
import nats.js.errors
import typer
from pydantic_settings import BaseSettings
from rich.console import Console
from rich.json import JSON
from rich.table import Column, Table
from rich.text import Text

from shared.access import OPERATOR, inbox
from shared.bus.dead_letters import DeadLetters, Letter
from shared.bus.nats_login import connection_options
from shared.errors import EcpError
from shared.settings import BusSettings, load
from shared.subjects import Mode

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay, drop.")
# What is shown came from elsewhere: square brackets and colons in it are its own, and no markup.
console = Console(markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)

Demo = Annotated[bool, typer.Option("--demo/--production", help="Which of the two worlds.")]
Sequences = Annotated[list[int], typer.Argument(help="Numbers as `list` shows them.", min=1)]
T = TypeVar("T")


class OperatorSettings(BaseSettings):
    """Where the bus is, with the operator's account in the URL where the server wants one."""

    operator_nats_url: str = "nats://127.0.0.1:4222"
    """The bus, with the account `operator`: `nats://operator:<password>@<host>:4222`. `make dlq` sets it."""


@app.command("list")
def list_letters(demo: Demo = False) -> None:
    """Every dead letter, the oldest first."""

    async def collect(letters: DeadLetters) -> list[Letter]:
        return [letter async for letter in letters.all()]

    found = _run(demo, collect)
    if not found:
        console.print("There are no dead letters.")
        return
    folded = (Column(name, overflow="fold") for name in ("event", "consumer", "reason"))
    table = Table("number", *folded, show_lines=True)
    for each in found:
        time = f"{each.time:%Y-%m-%d %H:%M:%S}" if each.time else ""
        # A column for each of these would leave none of them readable on 80 columns.
        event, consumer = (each.subject, each.tenant_id, time), (each.consumer, f"tries: {each.attempts}")
        cells = ("\n".join(map(_printable, lines)) for lines in (event, consumer, (each.code, each.reason)))
        table.add_row(str(each.sequence), *cells)
    console.print(table)


@app.command()
def show(sequence: int, demo: Demo = False) -> None:
    """One dead letter: headers and body."""
    letter = _run(demo, partial(DeadLetters.get, sequence=sequence))
    for name, value in letter.headers.items():
        console.print(Text.assemble((name, "bold"), f": {_printable(value)}"))
    console.print(JSON(json.dumps(letter.content, ensure_ascii=False)))


@app.command()
def replay(sequences: Sequences, demo: Demo = False) -> None:
    """Give them back to the consumer that failed."""
    for sequence in sequences:
        letter = _run(demo, partial(DeadLetters.replay, sequence=sequence))
        console.print(_printable(f"{sequence}: {letter.subject} goes to {letter.consumer} again"))


@app.command()
def drop(sequences: Sequences, demo: Demo = False) -> None:
    """Remove them for good."""
    for sequence in sequences:
        _run(demo, partial(DeadLetters.drop, sequence=sequence))
        console.print(f"{sequence}: dropped")


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _run(demo: bool, action: Callable[[DeadLetters], Awaitable[T]]) -> T:
    try:
        return asyncio.run(_connected(load(OperatorSettings).operator_nats_url, demo, action))
    except EcpError as error:
        errors.print(error.message)
    except (OSError, nats.errors.Error, nats.js.errors.Error) as error:
        errors.print(
            f"NATS doesn't answer ({error or type(error).__name__}): is it running, and OPERATOR_NATS_URL right?"
        )
    raise typer.Exit(1)


async def _connected(url: str, demo: bool, action: Callable[[DeadLetters], Awaitable[T]]) -> T:
    client = await nats.connect(
        # NATS_CA_FILE and the like are read as in every service.
        **connection_options(BusSettings(nats_url=url)),
        allow_reconnect=False,
        connect_timeout=2,
        name="ecp-operator",
        inbox_prefix=inbox(OPERATOR),
        error_cb=_quiet,
    )
    try:
        return await action(DeadLetters(client.jetstream(), Mode.DEMO if demo else Mode.PRODUCTION))
    finally:
        await client.close()


async def _quiet(_: Exception) -> None:
    """The exception reaches `_run`, which prints what to do."""
