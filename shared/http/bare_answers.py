"""Answers that the server writes itself, before or without an application: as text for the connection.

They have the headers of `security_headers`, too: a browser shows whatever answers it.
"""

from http import HTTPStatus

from shared.http.fixed_headers import ALWAYS


def bare_answer(status: HTTPStatus) -> bytes:
    """The last answer of a connection. It has no body, so that nothing of a request can come back in it."""
    retry = ["Retry-After: 2"] if status == HTTPStatus.SERVICE_UNAVAILABLE else []
    own = ["Content-Length: 0", "Connection: close", *(f"{name}: {value}" for name, value in ALWAYS)]
    return "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *retry, *own, "", ""]).encode()
