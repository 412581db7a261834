"""Decodes the body of an event into its model. A body that the model refuses is a permanent failure."""

from typing import Any

from faststream import BaseMiddleware
from faststream.nats import NatsMessage
from nats.aio.msg import Msg
from pydantic import ValidationError

from shared.bus.envelope import MESSAGE_ID
from shared.errors import InvalidEvent
from shared.events import EVENTS, DeadLetter, Event, OutsideRequest
from shared.reading import InvalidText, parse_json
from shared.subjects import DEAD_LETTER_PREFIX, REQUESTS_OF_OTHERS, split_mode, split_outside

_NUL = b"\\u0000"
"""How JSON has to write U+0000."""


class Validation(BaseMiddleware[Any, Any]):
    """Turns a body that its model refuses into a permanent failure."""

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        try:
            return await call_next(msg)
        except ValidationError as error:
            raise invalid_event(error) from error


def invalid_event(error: ValidationError) -> InvalidEvent:
    """The permanent failure of a body that its model refuses."""
    return InvalidEvent(_describe(error), details={"errors": problems(error)})


async def decode(message: NatsMessage) -> Event | DeadLetter | OutsideRequest:
    """`read_event` for FastStream: a coroutine, since a plain function would run in a thread, which costs more."""
    return read_event(message.raw_message)


def read_event(message: Msg) -> Event | DeadLetter | OutsideRequest:
    """The event in a message, by its subject. Raises InvalidEvent or pydantic's ValidationError."""
    _, subject = split_mode(message.subject)
    if subject.startswith(f"{DEAD_LETTER_PREFIX}."):
        return _dead_letter(message)
    system, subject = split_outside(subject)
    if system and subject in REQUESTS_OF_OTHERS:
        return _request(subject, message)
    model = EVENTS.get(subject)
    if model is None:
        raise InvalidEvent(f"no event is known on subject {subject!r}")
    if _NUL in message.data:
        _refuse_nul(message.data)
    return model.model_validate_json(message.data)


def _refuse_nul(body: bytes) -> None:
    """Raise InvalidEvent for U+0000, which PostgreSQL can't store: the event would fail at each delivery."""
    try:
        parse_json(body)
    except InvalidText as error:
        raise InvalidEvent(f"body: {error}") from error


def _request(subject: str, message: Msg) -> OutsideRequest:
    """The request of another system."""
    fields = _object(message.data)
    if fields is None:
        raise InvalidEvent("body: must be a JSON object")
    return OutsideRequest(subject=subject, fields=fields)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = parse_json(body)
    except InvalidText:
        return None
    return content if isinstance(content, dict) else None


def problems(error: ValidationError) -> list[dict[str, str]]:
    """Where and why, without the refused values: they may be large or secret."""
    return [
        {"field": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _describe(error: ValidationError) -> str:
    return "; ".join(f"{each['field'] or 'body'}: {each['message']}" for each in problems(error))


def _dead_letter(message: Msg) -> DeadLetter:
    headers = message.headers or {}
    return DeadLetter(
        id=headers.get("dlq-event-id", headers.get(MESSAGE_ID, "")),
        subject=headers.get("dlq-subject", ""),
        consumer=headers.get("dlq-consumer", ""),
        code=headers.get("dlq-code", "INTERNAL"),
        reason=headers.get("dlq-reason", "unknown"),
        body=_object(message.data),
    )
