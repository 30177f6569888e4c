"""One completion for one client: within its time, and whole or refused."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from messages.wire import JsonValue
from planner_node.api.conversation import Usage
from planner_node.api.envelope import Ended, EnvelopeReader, Piece
from planner_node.api.ports import ToolDispatcher
from planner_node.api.simplified import in_simplified, in_traditional
from planner_node.completion.request import (
    Completed,
    Completer,
    CompletionRequest,
    CompletionUsage,
    FinishReason,
    ToolCall,
    ToolUse,
)
from planner_node.completion.room import refuse_endless
from planner_node.completion.truncation import truncation
from planner_node.errors import (
    ConstraintBroken,
    DeadlinePassed,
    GenerationTimeout,
)
from planner_node.grammar.script import is_simplified

_log = logging.getLogger(__name__)
# The completer keeps the deadline itself; this is for one that does not come back at all.
_GRACE_S: Final = 5.0
_ANY: Final = TypeAdapter[object](object)


def generate(
    completer: Completer, request: CompletionRequest
) -> AsyncGenerator[Piece | Ended, None]:
    """Yield the answer piece by piece, then ``Ended``; leaving stops the model.

    Raises:
        OutputTruncated: max_new_tokens ended the text inside a call.
        ContextTooLong: the model's context did.
        GenerationTimeout: the request's deadline passed.
    """
    if is_simplified(request.language or ""):
        return _in_simplified(completer, request)
    return _pieces(completer, request)


async def _in_simplified(
    completer: Completer, request: CompletionRequest
) -> AsyncGenerator[Piece | Ended, None]:
    refuse_endless(request.messages, (), completer.info.context_tokens)
    asked = await asyncio.to_thread(in_traditional, request)
    async with aclosing(in_simplified(_pieces(completer, asked), asked.tools)) as pieces:
        async for piece in pieces:
            yield piece


async def _pieces(
    completer: Completer, request: CompletionRequest
) -> AsyncGenerator[Piece | Ended, None]:
    reader = EnvelopeReader(calls=request.tool_choice is not ToolUse.NONE)
    try:
        async with aclosing(completer.stream(request)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    held_back = reader.flush()
                    ended = _ended(reader, event, request)  # half a call's head is not told as text
                    for piece in held_back:
                        yield piece
                    yield ended
                    return
                for piece in reader.feed(event.text):
                    yield piece
    except DeadlinePassed as error:
        raise GenerationTimeout("the answer was not complete in time") from error
    raise ConstraintBroken("the completion ended without saying so")


async def generate_whole(
    completer: Completer, request: CompletionRequest, timeout_s: float
) -> Ended:
    """Run a generation to its end and return only that.

    Raises:
        GenerationTimeout: it took longer than ``timeout_s``.
    """
    try:
        async with asyncio.timeout(timeout_s + _GRACE_S):
            return await _last(completer, request)
    except TimeoutError as error:
        raise GenerationTimeout(f"no answer within {timeout_s} s") from error


async def _last(completer: Completer, request: CompletionRequest) -> Ended:
    async with aclosing(generate(completer, request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Ended):
                return piece
    raise ConstraintBroken("the completion ended without saying so")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What the handler of a called tool brought back."""

    handled: bool = False
    result: JsonValue = None
    error: str | None = None

    def told(self) -> dict[str, JsonValue]:
        """Return the fields that the answer gains: none where no handler took the call."""
        if self.error is not None:
            return {"tool_error": self.error}
        return {"tool_result": self.result} if self.handled else {}


async def dispatch(tools: ToolDispatcher | None, call: ToolCall | None) -> ToolOutcome:
    """Hand a call to its tool's function; one that fails spoils nothing else."""
    if tools is None or call is None or not tools.handles(call.name):
        return ToolOutcome()
    try:
        result = json.loads(_ANY.dump_json(await tools.dispatch(call)))  # NaN is null in JSON
    except Exception as error:  # noqa: BLE001  a plugin's fault, told beside a good answer
        _log.exception("! tool %s: its function failed", call.name)
        why = f"{type(error).__name__}: {error}"
        return ToolOutcome(error=why.encode(errors="backslashreplace").decode())
    return ToolOutcome(handled=True, result=result)


def usage_of(usage: CompletionUsage) -> Usage:
    """Return the cost as the client reads it."""
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        forward_passes=usage.forward_passes,
        first_token_ms=round(usage.first_token_ms, 3),
        latency_ms=round(usage.latency_ms, 3),
    )


def _ended(reader: EnvelopeReader, event: Completed, request: CompletionRequest) -> Ended:
    must_call = request.tool_choice not in {ToolUse.NONE, ToolUse.AUTO}
    if event.finish is FinishReason.LENGTH and (must_call or reader.opened):
        raise truncation(event, request)
    if reader.call is None and (must_call or reader.opened):
        raise ConstraintBroken("the model's text is not a call of an offered tool")
    return Ended(reader.text, reader.call, event.finish, event.usage)
