"""A generation as server-sent events, in the shape of OpenAI's ``chat.completion.chunk``.

The last chunk carries ``finish_reason``, ``usage`` and, added, ``answer``: the very body that the
same request gets without ``stream``. Then comes ``[DONE]``. What goes wrong after the first piece
comes as an event named ``error``; so does the node's stop, which waits for a stream as long as for
any other answer.
"""

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from messages.problem import Problem
from planner_node.api.envelope import Arguments, CallOpened, Ended, Piece, Words
from planner_node.api.refusals import STOPPED, error_answer, problem_of
from planner_node.api.sse import format_sse_event
from planner_node.errors import PlannerError

_log = logging.getLogger(__name__)
DONE: Final = format_sse_event(data_str="[DONE]")


@dataclass(frozen=True, slots=True)
class Stream:
    """What all chunks of one stream have in common."""

    request_id: str
    model: str
    created_s: int
    accept_language: str = ""

    def chunk(
        self, delta: dict[str, Any], finish_reason: str | None = None, **more: object
    ) -> bytes:
        """Return one chunk as an event."""
        body = {
            "id": f"chatcmpl-{self.request_id}",
            "object": "chat.completion.chunk",
            "created": self.created_s,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
            **more,
        }
        return format_sse_event(data_str=json.dumps(body, ensure_ascii=False))


async def chunks(
    stream: Stream,
    pieces: AsyncGenerator[Piece | Ended, None],
    first: Piece | Ended,
    answer: Callable[[Ended], Awaitable[BaseModel]],
) -> AsyncGenerator[bytes, None]:
    """Yield the events of one generation; ``first`` is the piece that was already taken."""
    yield stream.chunk({"role": "assistant", "content": ""})
    try:
        async with aclosing(_from(first, pieces)) as all_pieces:
            async for piece in all_pieces:
                if isinstance(piece, Ended):
                    yield _last(stream, await answer(piece))
                else:
                    yield stream.chunk(_delta(piece, stream.request_id))
    except Exception as error:  # noqa: BLE001  the status is long gone: the stream must say it
        if not isinstance(error, PlannerError):
            _log.exception("! a stream broke")
        yield _failed(problem_of(error), stream.accept_language)
    yield DONE


def farewell(stream: Stream) -> bytes:
    """Return the events that end a stream which the node's stop has cut off."""
    return _failed(STOPPED, stream.accept_language) + DONE


async def _from(
    first: Piece | Ended, rest: AsyncGenerator[Piece | Ended, None]
) -> AsyncGenerator[Piece | Ended, None]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


def _delta(piece: Piece, request_id: str) -> dict[str, Any]:
    match piece:
        case Words(text):
            return {"content": text}
        case CallOpened(name):
            function = {"name": name, "arguments": ""}
            call = {"index": 0, "id": f"call-{request_id}", "type": "function"}
            return {"tool_calls": [{**call, "function": function}]}
        case Arguments(text):
            return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}


def _last(stream: Stream, answer: BaseModel) -> bytes:
    body = answer.model_dump(mode="json", exclude_unset=True)
    return stream.chunk({}, body["finish_reason"], usage=body["usage"], answer=body)


def _failed(problem: Problem, accept_language: str) -> bytes:
    found = error_answer(problem, accept_language)
    code = problem.code
    body = {
        **found.model_dump(mode="json"),
        "error": {"message": found.detail, "type": code, "code": code},
    }
    return format_sse_event(event="error", data_str=json.dumps(body, ensure_ascii=False))
