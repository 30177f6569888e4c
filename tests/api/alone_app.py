"""An application for ``uvicorn tests.api.alone_app:app``: scripted, and its tasks never end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from planner_node.api.alone import lifespan_of
from planner_node.api.app import assemble
from planner_node.api.ports import ApiParts, Hall, Limits
from planner_node.settings import Settings
from tests.api.house import a_house
from tests.fakes.completion import ScriptedCompleter


class ScriptedNode:
    """Holds a house that accepts tasks and does not plan them."""

    api_parts: ApiParts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            house = await stack.enter_async_context(a_house(ScriptedCompleter()))
            self.api_parts = house.parts
            yield


def _build(settings: Settings) -> ScriptedNode:
    del settings
    return ScriptedNode()


_hall = Hall(Limits())
app = assemble(_hall, lifespan_of(_hall, _build))
