"""The gateway as its users see it, in demo mode: REST calls that outlast a restart, and a deployment's socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from embedded.errors import EmbeddedError
from embedded.readiness import local_client
from shared.events.statuses import ENDED

REQUEST_SECONDS = 10.0
# A gateway or a worker that died is back in a few seconds.
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.5

Json = dict[str, Any]


class Gateway:
    """Calls to the gateway at `url`, all of them in demo mode."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def get(self, path: str) -> Json | None:
        """The answer to a GET below `/api/v1`, or None for 404. Raises EmbeddedError for any other refusal."""
        answer = await self._request("GET", path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _content(answer)

    async def post(self, path: str, body: Json, *, idempotency_key: str) -> Json:
        """The answer to a POST, made once however often it has to be sent. Raises EmbeddedError when it is refused."""
        return _content(await self._request("POST", path, json=body, headers={"Idempotency-Key": idempotency_key}))

    async def deployment_updates(self, deployment_id: str) -> AsyncIterator[Json]:
        """What the deployment's socket tells until the deployment has ended, over as many connections as it takes."""
        url = f"{self.url.replace('http', 'ws', 1)}/ws/deployment/{deployment_id}?demo=true"
        seen = ""
        while True:
            try:
                async with connect(url + seen, proxy=None) as socket:
                    async for message in socket:
                        update: Json = json.loads(message)
                        seen = f"&since={update['seq']}" if "seq" in update else seen
                        yield update
                        if update.get("status") in ENDED:
                            return
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    async def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {"X-Demo-Mode": "true", **content.pop("headers", {})}
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                async with local_client(f"{self.url}/api/v1", timeout=REQUEST_SECONDS) as client:
                    answer = await client.request(method, path, headers=headers, **content)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
                problem = answer.text
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__} {error}"
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedError(f"The gateway does not answer {method} {path}: {problem}")
            await asyncio.sleep(RETRY_SECONDS)


def _content(answer: httpx.Response) -> Json:
    if not answer.is_success:
        request = answer.request
        raise EmbeddedError(
            f"The gateway refuses {request.method} {request.url.path}: {answer.status_code} {answer.text}"
        )
    body: Json = answer.json()
    return body
