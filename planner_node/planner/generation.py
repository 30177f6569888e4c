"""One generation, listened to: each subtask handed on as it closes, then what the call means."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from messages.plan import GenerationReport
from messages.wire import JsonValue
from planner_node.clock import Clock
from planner_node.completion.request import (
    Completed,
    Completer,
    CompletionRequest,
    CompletionUsage,
    FinishReason,
    ModelInfo,
    TextChunk,
    ToolCall,
)
from planner_node.completion.truncation import truncation
from planner_node.errors import PlanInvalid
from planner_node.planner.leash import Leash
from planner_node.stream.subtasks import CallClosed, CallReader, SubtaskClosed, ToolNamed
from planner_node.tasks.record import TaskRecord

Fields = Mapping[str, JsonValue]
# The engine ends a request that takes too long; one that is not heard of after that is stuck.
_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Generated:
    """The whole call, and what it cost; both times count from the request, on one clock."""

    call: ToolCall
    usage: CompletionUsage
    latency_ms: float
    first_subtask_ms: float | None


class Generation:
    """Reads one completion to its end."""

    def __init__(
        self,
        request: CompletionRequest,
        clock: Clock,
        streams: Callable[[str], bool],
        hand_on: Callable[[Fields], None],
    ) -> None:
        self._request = request
        self._clock = clock
        self._streams = streams
        self._hand_on = hand_on
        self._reader = CallReader()
        self._call: ToolCall | None = None
        self._told = False  # whether this tool's subtasks go out as they close
        self._began_s = 0.0
        self._first_subtask_ms: float | None = None

    async def read(self, completer: Completer, leash: Leash) -> Generated:
        """Return the call after every subtask of it was handed on.

        Raises:
            OutputTruncated: max_new_tokens ended the text before the call did.
            ContextTooLong: the model's context did.
            PlanInvalid: the text is no call.
            Pulled: somebody ended it; and whatever the completer raises.
        """
        self._began_s = self._clock.monotonic_s()
        completed = await self._read_all(completer, leash)
        if completed.finish is FinishReason.LENGTH:
            raise truncation(completed, self._request)
        if self._call is None:
            raise PlanInvalid("The model called no tool.", finish=completed.finish)
        return Generated(self._call, completed.usage, self._elapsed_ms(), self._first_subtask_ms)

    async def _read_all(self, completer: Completer, leash: Leash) -> Completed:
        until = self._until()
        async with aclosing(completer.stream(self._request)) as events:
            while True:
                event = await leash.wait(lambda: anext(events, None), until)
                match event:
                    case TextChunk(text):
                        self._take(text)
                    case Completed():
                        return event
                    case None:
                        raise PlanInvalid("The model's answer has no end.")

    def _take(self, text: str) -> None:
        for event in self._reader.feed(text):
            match event:
                case ToolNamed(name):
                    self._told = self._streams(name)
                case SubtaskClosed(_, fields) if self._told:
                    if self._first_subtask_ms is None:
                        self._first_subtask_ms = self._elapsed_ms()
                    self._hand_on(fields)
                case CallClosed(call):
                    self._call = call

    def _elapsed_ms(self) -> float:
        return (self._clock.monotonic_s() - self._began_s) * 1_000

    def _until(self) -> float | None:
        if self._request.timeout_s is None:
            return None
        return asyncio.get_running_loop().time() + self._request.timeout_s + _GRACE_S


def report(generated: Generated, record: TaskRecord, model: ModelInfo) -> GenerationReport:
    """Return what is told of the generation beside the plan."""
    options = record.command.generation
    return GenerationReport(
        model=model.id,
        quantization=model.quantization,
        prompt_tokens=generated.usage.prompt_tokens,
        completion_tokens=generated.usage.completion_tokens,
        forward_passes=generated.usage.forward_passes,
        latency_ms=round(generated.latency_ms, 3),
        first_subtask_ms=_rounded(generated.first_subtask_ms),
        attempts=record.attempt,
        seed=options.seed if options else None,
    )


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 3)
