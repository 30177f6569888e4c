"""The life of the process: start, say where everything is, wait for a signal, stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

from planner_node.api.app import create_app
from planner_node.api.limits import limits_of
from planner_node.errors import NodeBroken
from planner_node.node.build import Node, build
from planner_node.node.http import http_server
from planner_node.settings import Settings

logger = logging.getLogger(__name__)
# How long a thread waits for the interpreter's lock before it asks for it. The loop shares it with
# the network and the journal, which let go of it at each system call: at Python's 5 ms, every one
# of those calls would wait for 5 ms whenever the loop is busy.
SWITCH_S: Final = 0.000_2
# New objects, then collections of the younger generation; the oldest one's turn comes with the
# look through the history (``build.py``): with 60,000 tasks waiting it takes a quarter of a second.
_COLLECT_AT: Final = (20_000, 20, 1_000_000)
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
Announce = Callable[[Node, str | None], None]


async def serve(settings: Settings, announce: Announce) -> None:
    """Run the node until a signal asks it to stop; ``announce`` is called once it is ready.

    Raises:
        NodeBroken: it cannot start or go on; the process should end with a failure.
    """
    sys.setswitchinterval(SWITCH_S)
    node = build(settings)
    _spare_the_collector()
    try:
        with _signals() as stop:
            async with node.running(), _http(node) as address:
                if await _ready_or_stopped(node, stop):
                    announce(node, address)
                    await stop.wait()
                logger.info("⊘ stopping: running plans may finish, the rest waits in the journal")
                node.api_parts.closing.set()
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _spare_the_collector() -> None:
    """Collect circles seldom: each look at everything that waits would hold up everything else.

    What the node makes by the thousand goes by its reference count. What is there now stays.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AT)


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Turn the first signal into an event; a second one ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked() -> None:
        stop.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _http(node: Node) -> AsyncIterator[str | None]:
    if not node.settings.http.enabled:
        yield None
        return
    app = create_app(node.api_parts, limits_of(node.settings))
    async with http_server(node.settings.http, app) as address:
        yield address


async def _ready_or_stopped(node: Node, stop: asyncio.Event) -> bool:
    """Wait until the node is ready; return False when a signal came first."""
    waits = [
        asyncio.create_task(node.ready(), name="node.ready"),
        asyncio.create_task(stop.wait(), name="node.stop"),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return not stop.is_set()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what broke: the house's own word where there is one."""
    broken = group.subgroup(NodeBroken)
    inner: BaseException = broken if broken is not None else group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
