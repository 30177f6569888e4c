"""The seed's way: ``uvicorn planner_node.api.app:app``, the whole node without a broker.

How it works: the application opens its door at once, so that /healthz and /readyz answer while
the model loads, and builds the node behind it. The composition root stands above this room, so it
is not imported but found by its name when the server starts; importing this module loads no model
and reads no settings.
"""

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final, NoReturn, Protocol, cast

from fastapi import FastAPI

from planner_node.api.limits import limits_of
from planner_node.api.ports import ApiParts, Hall
from planner_node.errors import NodeBroken, PlannerError, explained
from planner_node.settings import Settings, load

_log = logging.getLogger(__name__)
_COMPOSITION_ROOT: Final = "planner_node.node"


class BuiltNode(Protocol):
    """What the composition root hands out."""

    @property
    def api_parts(self) -> ApiParts:
        """What the routes work with."""
        ...

    def running(self) -> AbstractAsyncContextManager[object]:
        """Start the node's rooms, and stop them on leaving."""
        ...


Build = Callable[[Settings], BuiltNode]
AppLifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def lifespan_of(hall: Hall, build: Build | None = None) -> AppLifespan:
    """Return the life of an application that builds and runs its own node into ``hall``."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            settings = load()
            hall.limits = limits_of(settings)
        except PlannerError as error:
            _leave(error)
        _warn_without_keys(hall)
        stop = asyncio.Event()
        life = asyncio.create_task(
            _live(hall, partial(build or build_without_broker, settings), stop), name="api.node"
        )
        try:
            with _streams_end_on_signals(hall):
                yield
        finally:
            stop.set()
            if hall.built is None:  # still loading: there is nothing to be stopped in order
                life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    return lifespan


def _leave(error: PlannerError) -> NoReturn:
    """Explain as the command line does, and end the process, where nothing runs yet.

    The server would trace an exception, which says no more, and end with a code of its own.
    """
    sys.stderr.write("✗ " + "\n  ".join(explained(error)) + "\n")
    sys.stderr.flush()
    os._exit(1)


def build_without_broker(settings: Settings) -> BuiltNode:
    """Build the node. This imports torch, which takes seconds: call it off the loop."""
    root: Any = importlib.import_module(_COMPOSITION_ROOT)
    return cast("BuiltNode", root.build(settings, broker=False))


def _warn_without_keys(hall: Hall) -> None:
    """Say it on every address: which one the server listens on, the application is not told."""
    if not hall.limits.keys:
        _log.warning(
            "! HTTP without API keys: anyone who reaches this server's address commands the "
            "robots. Unless it is 127.0.0.1, set PLANNER__HTTP__API_KEYS or http.api_keys_file."
        )


async def _live(hall: Hall, build: Callable[[], BuiltNode], stop: asyncio.Event) -> None:
    try:
        node = await asyncio.to_thread(build)
        async with node.running():
            hall.built = node.api_parts
            await stop.wait()
    except Exception as error:  # noqa: BLE001  the door stays open to say why
        first = _first(error)
        story = None if isinstance(first, NodeBroken) else error  # a NodeBroken says it all
        _log.error("! the node cannot run: %s", first, exc_info=story)
        hall.reason = f"the node cannot run: {first}"
    finally:
        hall.built = None


def _first(error: Exception) -> BaseException:
    """Return what broke: the first leaf where a task group speaks."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


@contextmanager
def _streams_end_on_signals(hall: Hall) -> Iterator[None]:
    """Let the open event streams of tasks end when the server is asked to stop.

    uvicorn waits for its connections before it tells the application, so the news must come from
    the signal itself. Its own handlers are called as before.
    """
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def close(number: int, frame: FrameType | None) -> None:
        if hall.built is not None:
            loop.call_soon_threadsafe(hall.built.closing.set)
        if callable(handler := before[signal.Signals(number)]):
            handler(number, frame)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, close)
    except ValueError:  # not the main thread: nobody sends us signals
        before.clear()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
