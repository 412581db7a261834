"""The context of the current request: its id, mode and language, and the time that its steps take.

It is a context variable, because the middlewares that fill it and the adapters that add timings are far apart.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import EcpError
from shared.identity.caller import UNAUTHENTICATED, Caller, CallerKind
from shared.messages import Sentence
from shared.subjects import Mode

Language = Literal["en", "ko"]

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


@dataclass(slots=True)
class RequestContext:
    """One request. Its id is the correlation id of every event that it causes."""

    request_id: str
    language: Language = "en"
    """The language that the client prefers."""
    languages: set[Language] = field(default_factory=set)
    """The languages of the texts in the answer. English stands for what has no translation."""
    mode: Mode = Mode.PRODUCTION
    mode_is_given: bool = False
    """Whether the client chose the mode, instead of getting the default."""
    debug: bool = False
    caller: Caller = UNAUTHENTICATED
    """Who sent it, once that is proven."""
    recheck: Callable[[], Awaitable[Caller]] | None = None
    """Proves the caller of an open socket again. Raises Refused (UNAUTHORIZED) when the proof has ended."""
    address: str = ""
    """The client's IP address."""
    user_agent: str = ""
    """What the client's program calls itself; anything, and of any length that a header can have."""
    refusal: EcpError | None = None
    """The error that it is answered with."""
    tenant_id: str | None = None
    """The tenant that it concerns, once it is known to exist: a metric label, so an invented id must not become one."""
    steps: dict[str, float] = field(default_factory=dict)
    """Milliseconds by step, for `X-Debug-Info`."""
    workers: list[str] = field(default_factory=list)
    """Workers that answered a request of the gateway."""
    notes: list[Sentence] = field(default_factory=list)
    """What the answer has to tell about the body: fields that were accepted without an effect."""
    began: float = field(default_factory=time.perf_counter)

    @property
    def elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.began) * 1000, 2)


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def current() -> RequestContext:
    """The current request's context; outside of a request, a new empty one."""
    return _current.get() or RequestContext(request_id=new_request_id())


def is_authenticated() -> bool:
    """Whether the current request is of a caller that has proven who it is, which LOCAL has not."""
    request = _current.get()
    return request is not None and request.caller.kind not in (CallerKind.NONE, CallerKind.LOCAL)


@contextmanager
def requesting(context: RequestContext) -> Iterator[None]:
    """Make `context` the current one inside the `with` block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Add the duration of the `with` block to the request's timings, under the name `step`."""
    context = current()
    began = time.perf_counter()
    try:
        yield
    finally:
        # A step is often named by an enumeration member, which JSON writers refuse as a key.
        name = str(step)
        context.steps[name] = round(context.steps.get(name, 0.0) + (time.perf_counter() - began) * 1000, 2)


def new_request_id() -> str:
    """A random id such as `req-0123456789ab`."""
    return f"req-{secrets.token_hex(6)}"


def is_request_id(value: str) -> bool:
    """Whether an id that a client sent can go into headers, logs and events."""
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
