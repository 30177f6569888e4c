"""A whole node whose model is a script: every plan differs from every other, and it can die.

Words in an instruction direct the model: HANG (never answers), MEMORY (out of memory), DIE (the
engine ends), HALF (stops in the middle), BLOCK (holds the whole event loop for SCRIPT_BLOCK_S).
After SAY: comes what the model says, word for word, whatever it is.
SCRIPT_CHUNK_S is the time between two chunks, SCRIPT_RUNS the file that tells of each generation
(and of each death of the engine),
SCRIPT_CRASH a place and a number: ``after_journal:3`` dies at the third time it comes there.
SCRIPT_FAIL names callbacks of the network thread in the same way, and lets them raise.
SCRIPT_BUSY_THREADS is how many threads compute all the time and never wait.
SCRIPT_CLOCK is a file that holds by how many seconds the wall clock was set wrong; it is read at
each look at the clock, so it may only be replaced as a whole (``nodes.set_clock``).
"""

import asyncio
import importlib
import itertools
import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

from planner_node.cli import main
from planner_node.clock import SystemClock
from planner_node.completion.request import (
    Completed,
    CompletionEvent,
    CompletionRequest,
    CompletionUsage,
    FinishReason,
    ModelInfo,
    TextChunk,
    Tool,
)
from planner_node.errors import EngineDied, OutOfMemory
from planner_node.grammar.document import call_grammar
from planner_node.grammar.limits import SchemaLimits
from planner_node.journal.store import Journal
from planner_node.mqtt.link import Link
from planner_node.mqtt.network import Network, _guarded
from planner_node.node.build import build
from planner_node.tasks.record import EventKind

CHUNKS_OF_A_PLAN: Final = 12
_REMEMBERED_CHECKS: Final = 8
_PLANNING: Final = re.compile(r"planner\[(.*)\]")  # how the node names who plans a task
_INFO: Final = ModelInfo("scripted", "none", "float32", context_tokens=4_096, device="cpu")


class VaryingCompleter:
    """Plans like nobody else: the same task planned twice gives two different plans."""

    def __init__(self, chunk_s: float, block_s: float, runs: Path | None) -> None:
        self._chunk_s = chunk_s
        self._block_s = block_s
        self._runs = runs
        self._checked: list[tuple[Tool, ...]] = []  # a compiled grammar is no part of the script

    @property
    def info(self) -> ModelInfo:
        return _INFO

    def check(self, tools: tuple[Tool, ...]) -> None:
        """Refuse the tools that the real one refuses."""
        if tools and tools not in self._checked:
            call_grammar(tools, SchemaLimits(), or_text=False)
            self._checked = [*self._checked[-_REMEMBERED_CHECKS:], tools]

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        self.check(request.tools)
        spoken = [message.content for message in request.messages if message.role == "user"]
        said = spoken[-1] if spoken else ""
        self._note(said=said)
        began_s = time.monotonic()
        text = said.partition("SAY:")[2] or plan_text()
        size = max(1, len(text) // CHUNKS_OF_A_PLAN)
        for place in range(0, len(text), size):
            if place <= len(text) // 2 < place + size:
                await self._obey(said)
            if place >= len(text) // 2 and "HALF" in said:
                yield Completed(FinishReason.LENGTH, _usage(began_s))
                return
            crash_at("mid_plan")
            yield TextChunk(text[place : place + size])
            await asyncio.sleep(self._chunk_s)
        yield Completed(FinishReason.TOOL_CALL, _usage(began_s))

    async def _obey(self, said: str) -> None:
        if "HANG" in said:
            await asyncio.Event().wait()
        if "BLOCK" in said:
            time.sleep(self._block_s)  # noqa: ASYNC251  the fault that is asked for
        if "MEMORY" in said:
            raise OutOfMemory("scripted")
        if "DIE" in said:
            self._note(died=True)
            raise EngineDied("scripted")

    def _note(self, **what: object) -> None:
        """Tell what happened to which task; to none where HTTP asked the model itself."""
        if self._runs is not None:
            task = asyncio.current_task()
            found = _PLANNING.fullmatch(task.get_name()) if task is not None else None
            line = {"pid": os.getpid(), "task_id": found[1] if found else None, **what}
            with self._runs.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def plan_text() -> str:
    """Return a call of ``decompose_task`` that no other run makes."""
    nonce = f"{random.getrandbits(48):x}"
    steps = range(random.randint(3, 5))
    tasks = [{"task": f"第{n}步 {nonce}", "description": f"step {n} of {nonce}"} for n in steps]
    call = {"name": "decompose_task", "parameters": {"tasks": tasks}}
    return json.dumps(call, ensure_ascii=False)


def _usage(began_s: float) -> CompletionUsage:
    spent_ms = (time.monotonic() - began_s) * 1_000
    return CompletionUsage(10, CHUNKS_OF_A_PLAN, CHUNKS_OF_A_PLAN, spent_ms, spent_ms)


class _Crash:
    """Counts the visits to one place."""

    def __init__(self, order: str) -> None:
        self.place, _, number = order.partition(":")
        self.left = int(number or "1")


_CRASH: Final = _Crash(os.environ.get("SCRIPT_CRASH", ""))


def crash_at(place: str) -> None:
    """Die here, if it is the place and the time."""
    if place != _CRASH.place:
        return
    _CRASH.left -= 1
    if _CRASH.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _around(
    method: Callable[..., Awaitable[Any]], before: str, after: str
) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def dies(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  whatever it takes and gives
        crash_at(before)
        answer = await method(*args, **kwargs)
        crash_at(after)
        return answer

    return dies


def _behind(method: Callable[..., Any], place: str) -> Callable[..., Any]:
    @wraps(method)
    def dies(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  as above
        answer = method(*args, **kwargs)
        crash_at(place)
        return answer

    return dies


def _break_callbacks() -> None:
    """Let each callback that SCRIPT_FAIL names raise once."""
    for order in filter(None, os.environ.get("SCRIPT_FAIL", "").split(",")):
        name, _, number = order.partition(":")
        plain = getattr(Network, name).__wrapped__
        setattr(Network, name, _guarded(_raising(plain, int(number))))


def _raising(plain: Callable[..., None], number: int) -> Callable[..., None]:
    visits = itertools.count(1)

    @wraps(plain)
    def callback(*args: Any) -> None:  # noqa: ANN401  as above
        if next(visits) == number:
            raise RuntimeError("injected")
        plain(*args)

    return callback


def _mislead_the_clock() -> None:
    """Let the wall clock be wrong by what the file says; the monotonic one knows nothing of it."""
    if (file := os.environ.get("SCRIPT_CLOCK")) is None:
        return

    def now(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(Path(file).read_text("ascii")))

    SystemClock.now = now  # type: ignore[method-assign]  # the point of this file


def _mine_the_house() -> None:
    """Put a place to die behind every step that a task takes through the node."""
    plain_commit = Journal.commit

    async def commit(self: Journal, record: Any, events: Any) -> Any:  # noqa: ANN401  as above
        answer = await plain_commit(self, record, events)
        if any(event.kind is EventKind.PLAN for event in events):
            crash_at("after_plan")
        return answer

    Journal.commit = commit  # type: ignore[method-assign]  # the point of this file
    Journal.admit = _around(Journal.admit, "before_journal", "after_journal")  # type: ignore[method-assign,assignment]  # as above
    Journal.published = _around(Journal.published, "before_sweep", "after_sweep")  # type: ignore[method-assign,assignment]  # as above
    Link.acknowledge = _behind(Link.acknowledge, "after_ack")  # type: ignore[method-assign]  # as above
    Network.publish = _behind(Network.publish, "mid_publish")  # type: ignore[method-assign]  # as above


def _keep_busy() -> None:
    """Start threads that give up the interpreter's lock only when it is taken from them."""

    def compute() -> None:
        for _ in itertools.repeat(None):
            pass

    for number in range(int(os.environ.get("SCRIPT_BUSY_THREADS", "0"))):
        threading.Thread(target=compute, name=f"busy-{number}", daemon=True).start()


def run() -> None:
    """Start ``planner-node serve`` with the scripted model in place of the loaded one."""
    runs = os.environ.get("SCRIPT_RUNS")
    completer = VaryingCompleter(
        float(os.environ.get("SCRIPT_CHUNK_S", "0.002")),
        float(os.environ.get("SCRIPT_BLOCK_S", "0")),
        Path(runs) if runs else None,
    )
    _mine_the_house()
    _break_callbacks()
    _mislead_the_clock()
    _keep_busy()
    serving = importlib.import_module("planner_node.node.serve")
    serving.build = partial(build, completer=completer)  # type: ignore[attr-defined]  # as above
    sys.argv[1:] = ["serve"]
    main()


if __name__ == "__main__":
    run()
