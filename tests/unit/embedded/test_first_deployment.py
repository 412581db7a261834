"""The first deployment against a gateway that answers as the guides document, and that fails as real ones do."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.first_deployment import CALL_CENTRE, TENANT_ID, deploy_or_describe
from embedded.gateway import Gateway
from embedded.ports import free_ports
from embedded.report import ConsoleReport

STEPS = [("sizing", 10), ("creating-services", 50), ("scaling-services", 75), ("done", 100)]


@dataclass
class FakeGateway:
    """A gateway with one tenant at most, whose deployment takes `STEPS`."""

    status: str | None = None
    outcome: str = "completed"
    created: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    """Statuses that the next requests are answered with before anything else."""
    lag: int = 0
    """How many answers are given before the tenant's row follows its deployment."""
    dropped_connections: int = 0
    asked_since: list[str | None] = field(default_factory=list)
    modes: set[str | None] = field(default_factory=set)

    def app(self) -> Starlette:
        tenant = f"/api/v1/tenants/{TENANT_ID}"
        return Starlette(
            routes=[
                Route("/api/v1/tenants/", self.create, methods=["POST"]),
                Route(tenant, self.tenant),
                Route(f"{tenant}/deployment-status", self.deployment_status),
                Route(f"{tenant}/sla", self.sla),
                WebSocketRoute("/ws/deployment/dep-1", self.deployment),
            ]
        )

    async def create(self, request: Request) -> JSONResponse:
        self.modes.add(request.headers.get("X-Demo-Mode"))
        if self.refusals:
            return JSONResponse({"error": {"message": "not now"}}, self.refusals.pop(0))
        self.created.append(await request.json())
        self.status = "pending"
        return JSONResponse({"tenant_id": TENANT_ID, "deployment_id": "dep-1"}, 201)

    async def tenant(self, request: Request) -> JSONResponse:
        self.modes.add(request.headers.get("X-Demo-Mode"))
        if self.status is None:
            return JSONResponse({"error": {"code": "TENANT_NOT_FOUND"}}, 404)
        status = self.status
        if self.lag and status == "running":
            self.lag, status = self.lag - 1, "pending"
        resources = {"cpu": "86000m", "memory": "172Gi", "gpu": 4, "storage": "2.0TB"}
        return JSONResponse({**CALL_CENTRE, "status": status, "resources": resources})

    async def deployment_status(self, _: Request) -> JSONResponse:
        callbot = {"type": "Deployment", "name": "callbot", "status": "Available", "replicas": "3/3"}
        return JSONResponse({"deployment_id": "dep-1", "created_resources": [callbot]})

    async def sla(self, _: Request) -> JSONResponse:
        return JSONResponse({"availability": 100.0, "target": 99.5, "status": "meeting", "observed_seconds": 12.0})

    async def deployment(self, socket: WebSocket) -> None:
        self.asked_since.append(socket.query_params.get("since"))
        await socket.accept()
        since = int(socket.query_params.get("since", 0))
        for seq, (phase, progress) in enumerate(STEPS, start=1):
            if seq <= since:
                continue
            ended = seq == len(STEPS)
            status = self.outcome if ended else "deploying"
            await socket.send_json({"seq": seq, "status": status, "phase": phase, "progress": progress, "message": ""})
            if self.dropped_connections:
                self.dropped_connections -= 1
                await socket.close(1011)
                return
        self.status = "running" if self.outcome == "completed" else "failed"
        await socket.close()


@dataclass
class Stage:
    """A fake gateway that listens, and all that a start needs to talk to it."""

    fake: FakeGateway
    gateway: Gateway
    directory: DataDirectory
    output: io.StringIO = field(default_factory=io.StringIO)

    async def start(self) -> str:
        """Do what a start does; what it prints."""
        self.output.seek(0)
        self.output.truncate()
        await deploy_or_describe(self.gateway, self.directory, ConsoleReport(Console(file=self.output, width=200)))
        return self.output.getvalue()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    for module in ("gateway", "first_deployment"):
        monkeypatch.setattr(f"embedded.{module}.RETRY_SECONDS", 0.02)
    fake, port = FakeGateway(), free_ports(1)[0]
    server = uvicorn.Server(uvicorn.Config(fake.app(), port=port, log_level="error", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    yield Stage(fake, Gateway(f"http://127.0.0.1:{port}"), DataDirectory.prepare(tmp_path / "data"))
    server.should_exit = True
    await serving


async def test_the_first_start_deploys_the_documented_call_centre_in_demo_mode_until_it_runs(stage: Stage) -> None:
    printed = await stage.start()

    (created,) = stage.fake.created
    assert created["tenant_id"] == "ai-call-center"
    assert created["service_requirements"] == {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
    assert stage.fake.modes == {"true"}
    for shown in ("10 %", "75 %", "100 %", "callbot", "3/3", "86000m cpu", "100.000 % available", "AI 콜센터"):
        assert shown in printed


async def test_a_later_start_reports_what_is_there_and_deploys_nothing(stage: Stage) -> None:
    await stage.start()

    printed = await stage.start()

    assert len(stage.fake.created) == 1
    assert "running" in printed
    assert "SLA so far" in printed


async def test_a_start_that_was_killed_in_between_is_taken_up_where_it_was(stage: Stage) -> None:
    stage.fake.status = "pending"

    printed = await stage.start()

    assert stage.fake.created == []
    assert "100 %" in printed
    assert "running" in printed


async def test_a_call_centre_that_was_deleted_stays_deleted(stage: Stage) -> None:
    await stage.start()
    stage.fake.status = None

    assert "deleted" in await stage.start()

    assert len(stage.fake.created) == 1


async def test_a_row_that_lags_behind_the_socket_is_waited_for(stage: Stage) -> None:
    stage.fake.lag = 2

    assert "demo mode): running" in await stage.start()


async def test_a_failed_deployment_is_reported_as_failed(stage: Stage) -> None:
    stage.fake.outcome = "failed"

    assert "failed" in await stage.start()


async def test_a_socket_that_breaks_is_opened_again_from_the_last_message(stage: Stage) -> None:
    stage.fake.dropped_connections = 2

    printed = await stage.start()

    assert stage.fake.asked_since == [None, "1", "2"]
    assert printed.count("50 %") == 1


async def test_a_worker_that_is_not_there_yet_is_waited_for(stage: Stage) -> None:
    stage.fake.refusals = [503]

    await stage.start()

    assert len(stage.fake.created) == 1


async def test_a_refusal_is_told_in_the_gateways_words(stage: Stage) -> None:
    stage.fake.refusals = [409]

    with pytest.raises(EmbeddedError, match=r"409.*not now"):
        await stage.start()
