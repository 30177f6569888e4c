"""A ``Completer`` that plays scripts, with gates that let a test hold it in the middle."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

from planner_node.clock import monotonic_s
from planner_node.completion.request import (
    Completed,
    CompletionEvent,
    CompletionRequest,
    CompletionUsage,
    FinishReason,
    ModelInfo,
    NamedTool,
    TextChunk,
    Tool,
    ToolUse,
)
from planner_node.errors import ContextTooLong, DeadlinePassed, GenerationTimeout, PlannerError
from planner_node.grammar.document import call_grammar
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.size import check_size

SEED_PLAN: Final = (
    ("找到書本", "定位書本的位置。"),
    ("拿起書本", "將書本提起來。"),
    ("走到側桌", "接近側桌。"),
    ("將書本放在側桌上", "輕輕地將書本放在側桌上。"),
)
NUMBERED_LIST: Final = "1. 找到書本。2. 拿起書本。3. 走到側桌。4. 將書本放在側桌上。"
CHUNK_CHARS: Final = 7  # cuts keys, names and numbers; one chunk counts as one token
CHARS_PER_TOKEN: Final = 16


def plan_call(*steps: tuple[str, str]) -> str:
    """Return the text with which a model calls ``decompose_task``."""
    tasks = [{"task": task, "description": description} for task, description in steps]
    return tool_call("decompose_task", {"tasks": tasks})


def tool_call(name: str, arguments: Mapping[str, object]) -> str:
    """Return the text with which a model calls any tool."""
    return json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False)


TWO_SUBTASKS_CHARS: Final = len(plan_call(*SEED_PLAN[:2]))
ASKING: Final = tool_call("ask_clarification", {"question": "哪一本？", "options": ["紅", "藍"]})


@dataclass(slots=True)
class Script:
    """What one completion says, and how it ends.

    With ``hold_after`` set, that many characters are told, ``held`` is set, and nothing more comes
    before the test sets ``gate``. ``error`` is raised where the text ends.
    """

    text: str = plan_call(*SEED_PLAN)
    finish: FinishReason = FinishReason.TOOL_CALL
    context_tokens: int | None = None  # that ended it, with LENGTH
    error: PlannerError | None = None
    hold_after: int | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def pieces(self) -> list[str]:
        """Return the text before and after the hold, cut into chunks."""
        cut = len(self.text) if self.hold_after is None else self.hold_after
        return [*_chunked(self.text[:cut]), "", *_chunked(self.text[cut:])]


class ScriptedCompleter:
    """Plays the script whose key is part of the last user message, else the default one."""

    def __init__(
        self, scripts: Mapping[str, Script] | None = None, default: Script | None = None
    ) -> None:
        self.scripts = dict(scripts or {})
        self.default = default
        self.requests: list[CompletionRequest] = []  # all that were asked, in order
        self.running: set[str] = set()
        self.left: list[str] = []  # request ids whose reader went away before the end

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("scripted", "none", "float32", context_tokens=4096, device="cpu")

    def check(self, tools: tuple[Tool, ...]) -> None:
        check_size((tool.parameters for tool in tools), SchemaLimits())
        call_grammar(tools, SchemaLimits(), or_text=False)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        self._refuse(request)
        self.requests.append(request)
        self.running.add(request.request_id)
        ended = False
        try:
            async for event in self._play(request, self._script(request)):
                ended = isinstance(event, Completed)
                yield event
        except PlannerError:
            ended = True
            raise
        finally:
            self.running.discard(request.request_id)
            if not ended:
                self.left.append(request.request_id)

    async def _play(
        self, request: CompletionRequest, script: Script
    ) -> AsyncGenerator[CompletionEvent, None]:
        told, begun_s = 0, time.monotonic()
        for piece in script.pieces():
            if not piece and script.hold_after is not None:
                script.held.set()
                await _opened(script.gate, request)
            elif piece and told == request.max_new_tokens:
                yield Completed(FinishReason.LENGTH, _usage(request, told, begun_s))
                return
            elif piece:
                told += 1
                yield TextChunk(piece)
                await asyncio.sleep(0)  # let others run, as between two steps of an engine
        if script.error is not None:
            raise script.error
        yield Completed(script.finish, _usage(request, told, begun_s), script.context_tokens)

    def _script(self, request: CompletionRequest) -> Script:
        said = [message.content for message in request.messages if message.role == "user"]
        for key, script in self.scripts.items():
            if said and key in said[-1]:
                return script
        return self.default or _default_for(request)

    def _refuse(self, request: CompletionRequest) -> None:
        self.check(request.tools)
        chars = sum(len(message.content) for message in request.messages)
        if chars > self.info.context_tokens * CHARS_PER_TOKEN:
            raise ContextTooLong(f"{chars} characters", context_tokens=self.info.context_tokens)
        if request.deadline_s is not None and request.deadline_s <= monotonic_s():
            raise DeadlinePassed("before it began")


def _default_for(request: CompletionRequest) -> Script:
    if not request.tools or request.tool_choice in {ToolUse.NONE, ToolUse.AUTO}:
        return Script(NUMBERED_LIST, FinishReason.STOP)
    if isinstance(request.tool_choice, NamedTool) and request.tool_choice.name != "decompose_task":
        return Script(tool_call(request.tool_choice.name, {}))
    return Script()


async def _opened(gate: asyncio.Event, request: CompletionRequest) -> None:
    """Wait for the gate, no longer than the request may take."""
    ends_s = (request.deadline_s, _after(request.timeout_s))
    end_s = min((each for each in ends_s if each is not None), default=None)
    wait_s = None if end_s is None else max(0.0, end_s - time.monotonic())
    try:
        await asyncio.wait_for(gate.wait(), wait_s)
    except TimeoutError:
        if end_s == request.deadline_s:
            raise DeadlinePassed("while it was written") from None
        raise GenerationTimeout("it took too long") from None


def _after(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s


def _usage(request: CompletionRequest, told: int, begun_s: float) -> CompletionUsage:
    prompt_tokens = sum(len(message.content) for message in request.messages)
    latency_ms = (time.monotonic() - begun_s) * 1000
    return CompletionUsage(prompt_tokens, told, told, latency_ms, latency_ms)


def _chunked(text: str) -> list[str]:
    return [text[place : place + CHUNK_CHARS] for place in range(0, len(text), CHUNK_CHARS)]
