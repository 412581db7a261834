"""What is known of the request at hand: its id, mode and language, and how long its steps take.

A context variable, since the middlewares that fill it and the adapters that time themselves are far apart.
"""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from shared.subjects import Mode

Language = Literal["en", "ko"]

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


@dataclass(slots=True)
class RequestContext:
    """One request. `correlation_id` travels with every event that it causes."""

    request_id: str
    language: Language = "en"
    mode: Mode = Mode.PRODUCTION
    debug: bool = False
    tenant_id: str | None = None
    """An existing tenant that it was about: the label of its metric, which must not be whatever a client made up."""
    steps: dict[str, float] = field(default_factory=dict)
    """Milliseconds by step."""
    workers: list[str] = field(default_factory=list)
    """Who answered questions."""
    began: float = field(default_factory=time.perf_counter)

    @property
    def elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.began) * 1000, 2)


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def current() -> RequestContext:
    """The request at hand; outside of one, an empty one."""
    return _current.get() or RequestContext(request_id=new_request_id())


@contextmanager
def requesting(context: RequestContext) -> Iterator[None]:
    """Make `context` the current one."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Add what happens inside to the request's timings."""
    context = current()
    began = time.perf_counter()
    try:
        yield
    finally:
        # As a plain string: a step is often named by a subject, and JSON writers refuse an enumeration as a key.
        name = str(step)
        context.steps[name] = round(context.steps.get(name, 0.0) + (time.perf_counter() - began) * 1000, 2)


def new_request_id() -> str:
    return f"req-{secrets.token_hex(6)}"


def is_request_id(value: str) -> bool:
    """Whether a client's id is fit for headers, logs and events."""
    return _REQUEST_ID.fullmatch(value) is not None


def language_of(header: str) -> Language:
    """Korean where `Accept-Language` ranks it above English, else English."""
    ranked: list[tuple[float, Language]] = []
    for part in header.split(",")[:20]:
        tag, _, weight = part.partition(";q=")
        prefix = tag.strip().lower().partition("-")[0]
        if prefix in ("ko", "en"):
            ranked.append((_quality(weight), "ko" if prefix == "ko" else "en"))
    best = max(ranked, key=lambda each: each[0], default=(0.0, "en"))
    return "ko" if best[1] == "ko" and best[0] > 0 else "en"


def _quality(text: str) -> float:
    try:
        return float(text) if text.strip() else 1.0
    except ValueError:
        return 0.0
