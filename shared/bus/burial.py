"""The dead letter that is made of an event: its body and headers, and headers of ours that say why and for whom.

It always fits. The event may have been as large as the server allows, or have headers that this client can't write;
a letter that isn't accepted would come again and again.

Of another system's event it keeps `LONGEST_OF_OTHERS` bytes, and the stream keeps a number of letters for each subject
(`shared.bus.bootstrap`): so whatever others send, they can't fill the stream that ours need.
"""

import re
from collections.abc import Mapping

from nats.aio.msg import Msg

from shared.bus.envelope import MESSAGE_ID, Delivery, Encoded, own_headers
from shared.bus.publishing import size_of
from shared.errors import EcpError
from shared.subjects import dead_letter

CUT = "dlq-cut"
"""On a letter without the whole body: what is kept of it."""
LONGEST_OF_OTHERS = 12 * 1024
"""Bytes of the letter of another system's event, headers included: ten times what such an event usually has."""
_LONGEST_REASON = 2000
_LONGEST_HEADERS = 32 * 1024
"""Bytes; a stream takes 64 KiB."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name as RFC 9110 has it (a token), which the client insists on."""


def letter_for(message: Msg, delivery: Delivery, error: EcpError, attempts: int, limit: int) -> Encoded:
    """The letter of `message`, in at most `limit` bytes, headers included."""
    if delivery.system:
        limit = min(limit, LONGEST_OF_OTHERS)
    ours = {
        MESSAGE_ID: f"{delivery.event_id}:{delivery.durable}:{delivery.sequence}",
        "dlq-event-id": delivery.event_id,
        "dlq-subject": delivery.subject,
        "dlq-consumer": delivery.durable,
        "dlq-code": error.code,
        "dlq-reason": _one_line(error.message),
        "dlq-attempts": str(attempts),
    }
    headers = _writable(own_headers(message.headers or {})) | ours
    if size_of(headers) > min(_LONGEST_HEADERS, limit // 2):
        headers = ours
    whole = len(message.data)
    if size_of(headers, message.data) > limit:
        headers[CUT] = f"the first part of {whole} bytes"
    return Encoded(
        dead_letter(delivery.mode, delivery.subject), message.data[: max(limit - size_of(headers), 0)], headers
    )


def _writable(headers: Mapping[str, str]) -> dict[str, str]:
    """The event's own headers. What a letter says of itself is ours: a sender's `dlq-cut` would forbid a replay."""
    return {
        name: value for name, value in headers.items() if _NAME.fullmatch(name) and not name.lower().startswith("dlq-")
    }


def _one_line(text: str) -> str:
    """A header's value: one line of printable ASCII, bounded."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
