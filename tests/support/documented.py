"""The gateway's OpenAPI document, and a check that a response has a status and an error code that it lists."""

import functools
import re

import httpx
import orjson

from tools.openapi_documents import GATEWAY
from tools.openapi_rules import Operation, operations


@functools.cache
def documented() -> tuple[tuple[re.Pattern[str], Operation], ...]:
    """Each operation with the pattern of its path; those without parameters come first."""
    # The file, which a test compares with what the gateway serves, because it takes a second to make the document.
    found = [(_pattern(each.path), each) for each in operations(orjson.loads(GATEWAY.read_bytes()))]
    return tuple(sorted(found, key=lambda each: each[1].path.count("{")))


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that answers this request, or None for a path or method that isn't documented."""
    for pattern, operation in documented():
        if operation.method == method.lower() and pattern.fullmatch(path):
            return operation
    return None


async def check_documented(response: httpx.Response) -> None:
    """A hook for clients of the gateway: fail if the operation doesn't list the response's status or error code."""
    operation = operation_of(response.request.method, response.request.url.path)
    if operation is None:
        return
    status = response.status_code
    assert str(status) in operation.spec["responses"], f"{operation} answered {status}: list it, with answers(...)"
    if status >= 400 and (listed := operation.codes(status)):
        await response.aread()
        code = response.json()["error"]["code"]
        assert code in listed, f"{operation} answered {status} {code}: add the code to its answers(...)"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
