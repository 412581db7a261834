"""What the person at the terminal sees: stages with their times, a bar while something deploys, else plain lines."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

# A percentage, the phase, and what happens in it.
Show = Callable[[int, str, str], None]

LINE_EVERY_PERCENT = 5


class _Unbreakable(io.TextIOBase):
    """A stream whose reader may go away: a closed terminal mustn't keep the stack from being stopped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        with self._forgiving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._forgiving():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # What is still buffered would fail again at exit.
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())


class ConsoleReport:
    """Writes to standard output: stages, lines, and the progress of a deployment."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=cast(TextIO, _Unbreakable(sys.stdout)), highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this report began."""
        return time.monotonic() - self._began

    def line(self, text: str = "") -> None:
        """One line, as it stands."""
        self._console.print(escape(text))

    def heading(self, text: str) -> None:
        self._console.print(f"[bold]{escape(text)}[/bold]")

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block, and print its duration if it succeeds."""
        waiting = self._console.status(escape(name)) if self._console.is_terminal else contextlib.nullcontext()
        with self._timed(name), waiting:
            yield

    @contextlib.contextmanager
    def progress(self, name: str) -> Iterator[Show]:
        """A stage of which percentages are known: a function that takes one, the phase and what happens.

        It moves a bar on a terminal; elsewhere it prints a line for each phase and for every few percent.
        """
        with self._timed(f"{name} deployed"):
            if self._console.is_terminal:
                with self._bar(name) as show:
                    yield show
            else:
                yield _Steps(name, self.line).show

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.line(f"  {name:<44} {time.monotonic() - began:5.1f} s")

    @contextlib.contextmanager
    def _bar(self, name: str) -> Iterator[Show]:
        text = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        columns = [TextColumn("  {task.fields[name]}"), BarColumn(30), TaskProgressColumn(), TimeElapsedColumn(), text]
        with Progress(*columns, console=self._console, expand=True) as bar:
            task = bar.add_task("", total=100, name=escape(name))

            def show(percent: int, phase: str, message: str) -> None:
                bar.update(task, completed=percent, description=escape(f"{phase}: {message}"))

            yield show


class _Steps:
    """Progress as lines, of which a log should not have hundreds."""

    def __init__(self, name: str, line: Callable[[str], None]) -> None:
        self._name = name
        self._line = line
        self._percent = -LINE_EVERY_PERCENT
        self._phase = ""

    def show(self, percent: int, phase: str, message: str) -> None:
        if phase != self._phase or percent >= self._percent + LINE_EVERY_PERCENT:
            self._percent, self._phase = percent, phase
            self._line(f"  {self._name} {percent:3d} %  {phase}: {message}")
