"""The deployer's part, played by a test of the gateway: its events, and its answers over request/reply."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from services.deployer.settings import DeployerSettings
from shared.bus import Worker
from shared.errors import EcpError
from shared.events import DeployCompleted, DeployEvent, DeployFailed, DeployRolledBack, Phase
from shared.subjects import Mode, Rpc
from tests.support.gateway import Gateway

Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
_ENDS: Mapping[type[DeployEvent], str] = {
    DeployCompleted: "completed",
    DeployFailed: "failed",
    DeployRolledBack: "rolled_back",
}


class Answers(Generic[Q, R]):
    """Answers requests of one kind with `reply`, or raises it if it is an error; keeps the requests."""

    def __init__(self, request: type[Q], reply: R) -> None:
        self.request = request
        self.reply: R | EcpError = reply
        self.asked: list[Q] = []

    async def answer(self, request: Q, mode: Mode) -> R:
        self.asked.append(request)
        if isinstance(self.reply, EcpError):
            raise self.reply
        return self.reply


@asynccontextmanager
async def answering(nats_url: str, answers: Mapping[Rpc, Answers[Any, Any]]) -> AsyncIterator[None]:
    """A worker with the deployer's rights that gives these answers."""
    worker = Worker("deployer", DeployerSettings(nats_url=nats_url))
    for rpc, each in answers.items():
        worker.answer(rpc, each.request, each.answer)
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()


def event(model: type[DeployEvent], asked: Mapping[str, Any], progress: int = 50, **changes: Any) -> DeployEvent:
    """An event of the deployer for the operation that was answered with `asked`."""
    fields: dict[str, Any] = {
        "tenant_id": asked["tenant_id"],
        "deployment_id": asked["deployment_id"],
        "generation": asked["generation"],
        "target": "simulator",
        "message": f"at {progress} %",
        "phase": Phase.SCALING_SERVICES,
        "progress": progress,
    }
    return model(**{**fields, **changes})


async def created_and_prepared(gateway: Gateway) -> dict[str, Any]:
    """A tenant whose deployment waits for the deployer."""
    created = await gateway.create()
    await gateway.eventually(f"/deployments/{created['deployment_id']}", phase="validating")
    return created


async def conclude(
    gateway: Gateway, asked: Mapping[str, Any], model: type[DeployEvent] = DeployCompleted, **more: Any
) -> None:
    """Publish the deployer's final event; the manifest is named by its deployment unless a digest is given."""
    path = f"/deployments/{asked['deployment_id']}"
    if asked.get("operation") is None:
        await gateway.eventually(path, phase="validating")
    usual = {"message": "done", "phase": Phase.DONE, "digest": f"sha256:{asked['deployment_id']}"}
    await gateway.publish(event(model, asked, **({"progress": 100} | usual | more)))
    await gateway.eventually(path, status=_ENDS[model])
