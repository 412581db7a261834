"""`/log` of a pod: a plausible log, generated from the pod's uid and the time, and so the same at every request.

It begins with the container's start. A request for the log of a container that hasn't started is answered 400, as by
a kubelet.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from services.simulator.api import errors
from services.simulator.api.routing.calls import Call
from services.simulator.api.verbs.writes import require
from shared.kube import texts
from shared.kube.objects import Obj
from shared.kube.semantics import Cause

_LINE_SECONDS: Final = 5
_MOST_LINES: Final = 2000
_PATHS: Final = ("/healthz", "/ready", "/v1/sessions", "/v1/stream", "/v1/infer", "/metrics")


async def stream(call: Call) -> AsyncIterator[bytes]:
    """The lines, and with `follow` future lines. Raises ApiError 400 before the first line if there is no log."""
    tail, seconds = _number(call, "tailLines", 0), _number(call, "sinceSeconds", 1)
    pod = require(call)
    container = _container(call, pod)
    started = _started(pod, container)
    lines = list(_lines(pod, container, started, call.cluster.now()))
    if tail is not None:
        lines = lines[len(lines) - tail :] if tail else []
    if seconds is not None:
        now = call.cluster.now()
        lines = [line for line in lines if (now - line[0]).total_seconds() <= seconds]
    return _written(call, pod, container, started, lines)


def _number(call: Call, name: str, least: int) -> int | None:
    """A parameter of the log. Raises ApiError 400, and 422 if it is below `least`."""
    value = call.request.number(name)
    if value is not None and value < least:
        bound = "greater than or equal to 0" if least == 0 else "greater than 0"
        cause = Cause(name, "FieldValueInvalid", f"Invalid value: {value}: must be {bound}")
        raise errors.invalid_options("PodLogOptions", cause)
    return value


async def _written(
    call: Call, pod: Obj, container: str, started: datetime, lines: list[tuple[datetime, str]]
) -> AsyncIterator[bytes]:
    stamps = call.request.flag("timestamps")
    last = call.cluster.now()
    yield b"".join(_line(moment, text, stamps) for moment, text in lines)
    while call.request.flag("follow") and _is_there(call, pod):
        await asyncio.sleep(1)
        now = call.cluster.now()
        fresh = [line for line in _lines(pod, container, started, now) if line[0] > last]
        last = now
        if fresh:
            yield b"".join(_line(moment, text, stamps) for moment, text in fresh)


def _line(moment: datetime, text: str, stamps: bool) -> bytes:
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if stamps else ""
    return f"{stamp}{text}\n".encode()


def _is_there(call: Call, pod: Obj) -> bool:
    metadata = pod["metadata"]
    found = call.cluster.store.get("pods", metadata["namespace"], metadata["name"])
    return found is not None and found["metadata"]["uid"] == metadata["uid"]


def _container(call: Call, pod: Obj) -> str:
    """The requested container, or the first one if none is named. Raises ApiError 400."""
    names = [c["name"] for field in ("containers", "initContainers") for c in pod["spec"].get(field) or ()]
    wanted = call.request.query.get("container") or names[0]
    if wanted not in names:
        raise errors.bad_request(f"container {wanted} is not valid for pod {pod['metadata']['name']}")
    return wanted


def _started(pod: Obj, container: str) -> datetime:
    """When the container started. Raises ApiError 400 if it hasn't."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    found: Obj = next((s for s in statuses if s["name"] == container), {})
    state = found.get("state") or {}
    begun = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    if begun:
        return texts.parse_time(begun)
    reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
    sentence = f'container "{container}" in pod "{pod["metadata"]["name"]}" is waiting to start: {reason}'
    raise errors.bad_request(sentence)


def _lines(pod: Obj, container: str, started: datetime, now: datetime) -> list[tuple[datetime, str]]:
    image = next((c.get("image", "") for c in pod["spec"]["containers"] if c["name"] == container), "")
    lines = [(started, f"{_stamp(started)} INFO  starting {container} ({image})")]
    count = int((now - started).total_seconds() // _LINE_SECONDS)
    for index in range(max(1, count - _MOST_LINES), count + 1):
        moment = started + timedelta(seconds=index * _LINE_SECONDS)
        chance = random.Random(f"{pod['metadata']['uid']}/{container}/{index}")  # noqa: S311 (the same line each time)
        text = f"GET {chance.choice(_PATHS)} 200 {chance.randint(2, 180)}ms sessions={chance.randint(0, 60)}"
        lines.append((moment, f"{_stamp(moment)} INFO  {text}"))
    return lines


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
