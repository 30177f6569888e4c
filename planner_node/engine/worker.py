"""The thread that owns the engine, and the only crossing between it and the event loop.

Rule 1: only this thread touches the engine; only the loop touches the streams.
Rule 2: the loop is woken once a step, however many sequences the step moved.
Rule 3: every accepted request ends in exactly one terminal event, whatever dies.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Self

from planner_node.engine.core import Engine
from planner_node.engine.limits import EngineStats
from planner_node.engine.request import Event, Finish, Request
from planner_node.errors import EngineDied, ModelNotReady, PlannerError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Add:
    """Take a request; ``taken`` becomes its stream, or the reason why not."""

    request: Request
    taken: "asyncio.Future[asyncio.Queue[Event]]"


@dataclass(frozen=True, slots=True)
class _Cancel:
    request_id: str


@dataclass(frozen=True, slots=True)
class _Stop:
    pass


@dataclass(slots=True)
class _Life:
    """What is known of the thread, on the loop's side."""

    loop: asyncio.AbstractEventLoop
    ready: "asyncio.Future[Engine]"
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    death: BaseException | None = None


class EngineWorker:
    """A ``TokenEngine`` over an ``Engine`` in a thread of its own.

    ``build`` runs in that thread: loading takes long, and torch keeps its thread count per thread.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._inbox: queue.SimpleQueue[_Add | _Cancel | _Stop] = queue.SimpleQueue()
        self._streams: dict[str, asyncio.Queue[Event]] = {}
        self._thread: threading.Thread | None = None
        self._life: _Life | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Build the engine in its thread and wait for it; raise what ``build`` raises."""
        loop = asyncio.get_running_loop()
        life = self._life = _Life(loop, loop.create_future())
        self._thread = threading.Thread(target=self._run, args=(life,), name="engine", daemon=True)
        self._thread.start()
        await asyncio.shield(life.ready)

    async def stop(self) -> None:
        """End the thread after its current step; requests that still run end as canceled."""
        life, thread = self._life, self._thread
        if life is None or thread is None:
            return
        self._inbox.put(_Stop())
        if not life.ready.done():  # a load cannot be interrupted; the thread is a daemon
            return
        await life.ended.wait()
        thread.join()

    async def wait_ended(self) -> None:
        """Return when the engine was stopped; raise ``EngineDied`` when it died."""
        life = self._alive_once()
        await life.ended.wait()
        if life.death is not None:
            raise EngineDied(_describe(life.death)) from life.death

    @property
    def alive(self) -> bool:
        """Whether requests are taken now."""
        life = self._life
        return life is not None and life.ready.done() and not life.ended.is_set()

    def stats(self) -> EngineStats:
        """Return the engine's counters; zeros before it is built."""
        life = self._life
        if life is None or not life.ready.done() or life.ready.exception() is not None:
            return EngineStats()
        return life.ready.result().stats()

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield the request's events; the last one has ``finished`` set. See ``TokenEngine``."""
        stream = await self._open(request)
        try:
            while True:
                event = await stream.get()
                yield event
                if event.finished is not None:
                    return
        finally:
            self._leave(request.request_id, stream)

    async def _open(self, request: Request) -> "asyncio.Queue[Event]":
        life = self._alive_once()
        if life.ended.is_set():
            raise EngineDied("the engine has ended") from life.death
        taken: asyncio.Future[asyncio.Queue[Event]] = life.loop.create_future()
        self._inbox.put(_Add(request, taken))
        try:
            return await taken
        except asyncio.CancelledError:  # perhaps after it was let in, and before it heard of it
            if taken.done() and not taken.cancelled() and taken.exception() is None:
                self._leave(request.request_id, taken.result())
            raise

    def _leave(self, request_id: str, stream: "asyncio.Queue[Event]") -> None:
        """Cancel the request, unless it is past its end."""
        if self._streams.get(request_id) is stream:
            del self._streams[request_id]
            self._inbox.put(_Cancel(request_id))

    def _alive_once(self) -> _Life:
        if self._life is None:
            raise ModelNotReady("the engine was not started")
        return self._life

    # In the engine's thread.

    def _run(self, life: _Life) -> None:
        death: BaseException | None = None
        with contextlib.suppress(RuntimeError):  # raised by a loop that is closed: nobody listens
            try:
                engine = self._build()
                life.loop.call_soon_threadsafe(_resolve, life.ready, engine)
                while self._take_commands(engine, life.loop):
                    if events := engine.step():
                        life.loop.call_soon_threadsafe(self._deliver, events)
            except BaseException as exc:  # noqa: BLE001  a dead engine must be heard, not lost
                death = exc
            life.loop.call_soon_threadsafe(self._mourn, life, death)

    def _take_commands(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> bool:
        """Obey what is in the inbox, waiting there while the engine is idle; False is the end."""
        while engine.idle or not self._inbox.empty():
            command = self._inbox.get()
            match command:
                case _Add():
                    self._add(engine, command, loop)
                case _Cancel(request_id):
                    engine.cancel(request_id)
                case _Stop():
                    return False
        return True

    def _add(self, engine: Engine, command: _Add, loop: asyncio.AbstractEventLoop) -> None:
        try:
            engine.add(command.request)
        except Exception as exc:  # noqa: BLE001  a refusal is the asker's to hear
            loop.call_soon_threadsafe(_refuse, command.taken, exc)
        else:
            loop.call_soon_threadsafe(self._register, command)

    # On the loop.

    def _register(self, command: _Add) -> None:
        """Open the stream, here and not earlier: what older steps said of the same id is past."""
        request_id = command.request.request_id
        if command.taken.done():  # the asker was canceled while it waited
            self._inbox.put(_Cancel(request_id))
            return
        stream = self._streams[request_id] = asyncio.Queue()
        command.taken.set_result(stream)

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            find = self._streams.get if event.finished is None else self._streams.pop
            stream = find(event.request_id, None)
            if stream is not None:
                stream.put_nowait(event)

    def _mourn(self, life: _Life, death: BaseException | None) -> None:
        """End every stream and every request that is still at the door."""
        finish, error = Finish.CANCELED, ""
        if death is not None:
            finish, error = Finish.DIED, _describe(death)
            # What the house can explain is told by who started it; the rest needs its traceback.
            log.error("! engine died: %s", error, exc_info=_unexplained(death))
        life.death = death
        life.ended.set()
        if not life.ready.done():
            life.ready.set_exception(death or EngineDied("stopped before it was built"))
        self._deliver([Event(request_id, (), finish, None, error) for request_id in self._streams])
        with contextlib.suppress(queue.Empty):
            while True:
                if isinstance(command := self._inbox.get_nowait(), _Add):
                    _refuse(command.taken, EngineDied(error or "the engine has stopped"))


def _resolve(future: "asyncio.Future[Engine]", engine: Engine) -> None:
    if not future.done():
        future.set_result(engine)


def _unexplained(death: BaseException) -> BaseException | None:
    """Return what no error of the house explains."""
    return None if isinstance(death, PlannerError) else death


def _refuse(future: "asyncio.Future[asyncio.Queue[Event]]", reason: Exception) -> None:
    if not future.done():
        future.set_exception(reason)


def _describe(death: BaseException) -> str:
    return f"{type(death).__name__}: {death}"
