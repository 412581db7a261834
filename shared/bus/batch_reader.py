"""Reads a durable in batches and without FastStream: for the durables that get most events, and for a deployment's way.

One request for up to `batch` events is open at a time. They are handled as they arrive, `concurrency` at once, and
the next request is sent when half of a batch is left, so that no event waits for a batch to be full. At a stop the
request is withdrawn, and what isn't being handled goes back to the stream.

The policies are those of FastStream's way, and the same tests run against both (`tests/integration/test_bus.py`). The
price is this second way to receive; a hop takes about half of the CPU time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog
from faststream.exceptions import AckMessage, NackMessage, RejectMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header, StatusCode

from shared.bus.middlewares.failures import HEARTBEAT
from shared.bus.publishing import NATS_ERRORS

SMALL_BATCH = 2
"""For the steps of a deployment: no more than are handled at once, so that the other copies of a worker get theirs."""
_EXPIRES = 2.0
"""Seconds that a request for events stays open on the server."""
_LOST_AFTER = _EXPIRES + 1.0
"""Seconds after which a request without an end is considered lost, as after a reconnect."""
_PAUSE = 1.0
"""Seconds until the next request after one that NATS refused."""
_STOP_SECONDS = 1.0
_USUAL_ENDS = (StatusCode.NO_MESSAGES, StatusCode.REQUEST_TIMEOUT)
_log = structlog.get_logger(__name__)


class BatchReader:
    """The events of one durable in one mode, for `handle`, which returns or raises as `middlewares.chain` has it."""

    def __init__(
        self,
        stream: str,
        durable: str,
        handle: Callable[[Msg], Awaitable[None]],
        *,
        batch: int,
        concurrency: int,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._name = f"{durable} of {stream}"
        self._handle = handle
        self._batch = batch
        self._concurrency = concurrency
        self._heartbeat = heartbeat
        self._tasks: list[asyncio.Task[None]] = []
        self._beside: list[asyncio.Task[None]] = []
        self._ended = True

    async def start(self, client: Client, failed: Callable[[BaseException], None]) -> None:
        """Subscribe and begin to read. `failed` is called if an error of ours ends that."""
        self._client = client
        self._queue: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._unfinished: dict[int, Msg] = {}
        """What was delivered and not acknowledged yet, by identity."""
        self._requests, self._open = 0, 0
        """Requests until now, and how many events the present one may still deliver."""
        self._refused, self._refusal = False, ""
        """Whether NATS refused the present request, and how it refused the last one."""
        self._request_ended, self._has_room = asyncio.Event(), asyncio.Event()
        self._inbox = client.new_inbox()
        self._subscription: Subscription = await client.subscribe(f"{self._inbox}.*", cb=self._arrive)
        self._ended = False
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        self._beside = [asyncio.create_task(each) for each in (self._pull(), self._report_progress())]
        for task in self._beside:
            task.add_done_callback(partial(_report_failure, failed))

    def request_again(self) -> None:
        """Make another request now: a server that was restarted has lost the open one."""
        if not self._ended:
            self._request_ended.set()

    async def unsubscribe(self) -> None:
        """Stop pulling, and hand back what isn't being handled."""
        if self._ended:
            return
        self._ended = True
        self._beside[0].cancel()
        with suppress(TimeoutError, *NATS_ERRORS):
            async with asyncio.timeout(_STOP_SECONDS):
                # Unlike `unsubscribe` it receives what is on its way.
                await self._subscription.drain()  # type: ignore[no-untyped-call]
        while not self._queue.empty():
            await self._hand_back(self._queue.get_nowait())
        for _ in self._tasks:
            self._queue.put_nowait(None)

    async def finish(self, seconds: float) -> None:
        """Wait until all events in work are handled; those that aren't after `seconds` will be delivered again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in (*self._tasks, *self._beside):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._beside, return_exceptions=True)
        self._tasks, self._beside = [], []

    async def _pull(self) -> None:
        """Keep a request open as long as there is room for its events, and the connection is there.

        The client would keep the requests of an outage and send them all at its end, so that more events than a batch
        would wait here instead of going to other copies.
        """
        while True:
            while self._queue.qsize() > self._batch // 2:
                self._has_room.clear()
                await self._has_room.wait()
            self._request_ended.clear()
            try:
                if self._client.is_connected:
                    await self._request(self._batch - self._queue.qsize())
                async with asyncio.timeout(_LOST_AFTER):
                    await self._request_ended.wait()
            except TimeoutError:
                continue
            except NATS_ERRORS as error:
                _log.info(f"No events of {self._name} can be requested: {error!r}", action="request-failed")
                self._refused = True
            if self._refused:
                await asyncio.sleep(_PAUSE)

    async def _request(self, events: int) -> None:
        self._requests, self._open, self._refused = self._requests + 1, events, False
        body = json.dumps({"batch": events, "expires": int(_EXPIRES * 1e9)}).encode()
        await self._client.publish(self._subject, body, reply=f"{self._inbox}.{self._requests}")

    async def _arrive(self, message: Msg) -> None:
        """Queue an event, or notice the end of a request: only a status has the inbox as its subject."""
        if message.subject.startswith(self._inbox):
            if message.subject == f"{self._inbox}.{self._requests}":
                self._note_end(message.headers or {})
                self._request_ended.set()
            return
        if self._ended:
            await self._hand_back(message)
            return
        self._unfinished[id(message)] = message
        self._queue.put_nowait(message)
        self._open -= 1
        if self._open <= 0:
            self._request_ended.set()

    def _note_end(self, headers: Mapping[str, str]) -> None:
        """Note how a request ended. A refusal, as by a durable that is gone, is logged when it begins or changes."""
        status = headers.get(Header.STATUS)
        self._refused = status not in _USUAL_ENDS
        refusal = f"{status} {headers.get(Header.DESCRIPTION, '')}".strip() if self._refused else ""
        if refusal and refusal != self._refusal:
            _log.warning(f"NATS gives no events of {self._name}: {refusal}", action="request-refused")
        self._refusal = refusal

    async def _work(self) -> None:
        """Handle one event after another until the stop."""
        while (message := await self._queue.get()) is not None:
            if self._queue.qsize() <= self._batch // 2:
                self._has_room.set()
            await self._settle(message)

    async def _settle(self, message: Msg) -> None:
        """Handle an event and tell NATS how it ended. If that fails, the event is delivered again."""
        answer: Callable[[], Awaitable[None]] = message.ack
        try:
            await self._handle(message)
        except AckMessage:
            pass
        except NackMessage as error:
            delay = error.extra_options.get("delay")
            answer = lambda: message.nak(delay)  # noqa: E731 - as its neighbours
        except RejectMessage:
            answer = message.term
        except Exception:
            _log.exception("An event was neither handled nor refused; it is delivered again.", action="event-left")
            answer = message.nak
        finally:
            self._unfinished.pop(id(message), None)
        with suppress(*NATS_ERRORS):
            await answer()

    async def _hand_back(self, message: Msg | None) -> None:
        if message is not None:
            self._unfinished.pop(id(message), None)
            with suppress(*NATS_ERRORS):
                await message.nak()

    async def _report_progress(self) -> None:
        """Keep the delivered events from being delivered again while they wait or are handled."""
        while True:
            await asyncio.sleep(self._heartbeat)
            for message in tuple(self._unfinished.values()):
                with suppress(*NATS_ERRORS):
                    await message.in_progress()


def _report_failure(failed: Callable[[BaseException], None], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        failed(error)
