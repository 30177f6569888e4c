"""A remote engine over some servers, looked after as the node does it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from planner_node.clock import Clock
from planner_node.completion.remote.completer import RemoteCompleter
from planner_node.completion.remote.model import RemoteModel
from planner_node.settings import EngineSettings, ModelSettings


@dataclass(frozen=True, slots=True)
class Remote:
    """What speaks, and what stands behind it."""

    completer: RemoteCompleter
    model: RemoteModel


def engine(*urls: str, **others: object) -> EngineSettings:
    """Return the settings of a remote engine over these addresses."""
    endpoints = [{"url": url} for url in urls]
    values: dict[str, object] = {
        "kind": "remote",
        "endpoints": endpoints,
        "prompt": "chat",
        "context_tokens": 4096,
    }
    return EngineSettings.model_validate({**values, **others})


@asynccontextmanager
async def remote_engine(
    settings: EngineSettings,
    changed: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
) -> AsyncIterator[Remote]:
    """Start it, watch over the endpoints meanwhile, and close it."""
    model = RemoteModel(ModelSettings(), settings, clock, changed)
    try:
        completer = await model.start()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(model.wait_ended(), name="test.endpoints")
            yield Remote(completer, model)
            watching.cancel()
    finally:
        await model.stop()
