"""The OpenAPI document as the gateway sends it."""

import httpx

from services.gateway.app import create_app
from services.gateway.http.document import Api
from services.gateway.settings import GatewaySettings


async def test_the_document_is_written_once_and_sent_as_it_is() -> None:
    app = create_app(GatewaySettings())
    assert isinstance(app, Api)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        answers = [await client.get("/openapi.json") for _ in range(2)]

    assert [each.content for each in answers] == [app.document_text] * 2
    assert answers[0].headers["content-type"] == "application/json"
    assert answers[0].json() == app.openapi()
    assert app.document_text is app.document_text
