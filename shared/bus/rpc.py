"""Request/reply between services: each reply is an envelope with the result or an error (`shared.rpc`).

A NATS responder that raises sends no reply, which looks like a missing worker. So the responder replies with an error
envelope for every exception.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import nats.errors
import orjson
import structlog
from faststream.nats import NatsBroker
from pydantic import ValidationError

from shared.bus.middlewares.deadline import deadline_header
from shared.bus.middlewares.validation import problems
from shared.errors import DependencyUnavailable, EcpError, Refused
from shared.rpc import RpcError
from shared.subjects import Mode, Rpc
from shared.tenants import Model

Q = TypeVar("Q", bound=Model)
R = TypeVar("R", bound=Model)

_log = structlog.get_logger(__name__)

ANSWERED_BY: dict[Rpc, str] = {
    Rpc.CALCULATE: "calculator",
    Rpc.RECOMMEND: "calculator",
    Rpc.RENDER: "manifest",
    Rpc.VALIDATE: "manifest",
    Rpc.CAPACITY: "deployer",
    Rpc.ROOM: "deployer",
    Rpc.DIFF: "deployer",
    Rpc.INSPECT: "deployer",
    Rpc.ALERT_RULES: "monitor",
    Rpc.ALERT_TEST: "monitor",
    Rpc.SLA_REPORT: "monitor",
    Rpc.MAINTENANCE: "monitor",
    Rpc.RECEIVE_ALERTS: "monitor",
    Rpc.RESTART: "gateway",
    Rpc.INCIDENTS: "monitor",
    Rpc.INCIDENT_COST: "monitor",
    Rpc.SILENCES: "monitor",
    Rpc.RECURRING_MAINTENANCE: "monitor",
    Rpc.RECEIVERS: "monitor",
    Rpc.NOTIFICATIONS: "monitor",
}


class RpcClient:
    """Sends requests to other services."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker

    async def ask(self, rpc: Rpc, request: Model, reply: type[R], *, mode: Mode, timeout: float = 2.0) -> R:
        """The reply to `rpc`; an error envelope raises Refused.

        Raises DependencyUnavailable with code WORKER_UNAVAILABLE if no reply arrives within `timeout` seconds. The
        request carries that deadline, so that a worker drops a request which nothing waits for.
        """
        try:
            answer = await self._broker.connection.request(
                mode.subject(rpc),
                request.model_dump_json().encode(),
                timeout=timeout,
                headers=deadline_header(timeout, time.time()),
            )
        except (nats.errors.Error, OSError, TimeoutError) as error:
            worker = ANSWERED_BY[rpc]
            raise DependencyUnavailable(
                worker, f"no {worker} answered {rpc} within {timeout:g} s", code="WORKER_UNAVAILABLE"
            ) from error
        envelope = orjson.loads(answer.data)
        if "error" in envelope:
            error_ = RpcError.model_validate(envelope["error"])
            raise Refused(error_.message, code=error_.code, details=error_.details, message_id=error_.message_id)
        return reply.model_validate(envelope["ok"])


def responder(
    request: type[Q], handler: Callable[[Q, Mode], Awaitable[Model]], mode: Mode
) -> Callable[[Any], Awaitable[bytes]]:
    """A FastStream handler that always replies with an envelope."""

    async def respond(body: Any) -> bytes:
        try:
            answer = await handler(request.model_validate(body), mode)
            return orjson.dumps({"ok": answer.model_dump(mode="json")})
        except ValidationError as error:
            return _refuse(RpcError(code="VALIDATION_ERROR", message=str(error), details={"errors": problems(error)}))
        except EcpError as error:
            return _refuse(
                RpcError(code=error.code, message=error.message, details=error.details, message_id=error.message_id)
            )
        except Exception as error:
            _log.exception("A request could not be answered.", action="answer-failed")
            return _refuse(RpcError(code="INTERNAL", message=type(error).__name__))

    respond.__name__ = getattr(handler, "__name__", "respond")
    return respond


def _refuse(error: RpcError) -> bytes:
    return orjson.dumps({"error": error.model_dump(mode="json")})
