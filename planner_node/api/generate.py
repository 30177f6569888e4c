"""The seed's two endpoints: a conversation in, text or a tool call out."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from messages.decode import Decoded
from messages.problem import ProblemCode
from planner_node.api.access import HallOfApp, json_answer
from planner_node.api.asking import completion_of
from planner_node.api.body import decode_body
from planner_node.api.conversation import (
    AnsweredCall,
    GenerateAnswer,
    GenerateRequest,
    GenerateWithFunctionAnswer,
    GenerateWithFunctionRequest,
)
from planner_node.api.deltas import Stream, chunks, farewell
from planner_node.api.envelope import Ended
from planner_node.api.examples import (
    FUNCTION_ANSWER,
    FUNCTION_REQUESTS,
    GENERATE_ANSWER,
    GENERATE_REQUESTS,
)
from planner_node.api.generation import dispatch, generate, generate_whole, usage_of
from planner_node.api.openapi import answers, body
from planner_node.api.ports import ApiParts, Hall
from planner_node.api.presence import while_present
from planner_node.api.sse import EventStream
from planner_node.completion.request import CompletionRequest, FinishReason

router = APIRouter(tags=["generate"])
Answer = GenerateAnswer | GenerateWithFunctionAnswer
Asked = TypeVar("Asked", bound=GenerateRequest)
Finisher = Callable[[Ended], Awaitable[Answer]]

_CODES: Final = (
    ProblemCode.CONTEXT_TOO_LONG,
    ProblemCode.QUEUE_FULL,
    ProblemCode.OUT_OF_MEMORY,
    ProblemCode.GENERATION_TIMEOUT,
)
_FUNCTION_CODES: Final = (
    ProblemCode.UNKNOWN_TOOL,
    ProblemCode.UNSUPPORTED_SCHEMA,
    ProblemCode.OUTPUT_TRUNCATED,
)
_STREAM: Final = (
    "With `stream: true`: OpenAI's `chat.completion.chunk` objects in `data:` lines; the last one "
    "has `finish_reason`, `usage` and `answer` (the body of the same request without `stream`); "
    "then `data: [DONE]`. A failure in the middle, as when the node stops, is an event named "
    "`error` with `{problem, detail}`."
)


@router.post(
    "/generate",
    summary="Continue a conversation · 生成回應",
    response_model=GenerateAnswer,
    responses=answers(*_CODES, takes_body=True, events=_STREAM, example=GENERATE_ANSWER),
    openapi_extra=body(GenerateRequest, GENERATE_REQUESTS),
)
async def generate_text(request: Request, hall: HallOfApp) -> Response:
    """Answer with the assistant's next turn as text."""
    asked = await decode_body(request, GenerateRequest, hall.limits.http.max_body_bytes)
    return await _respond(request, hall, asked, _text_answer)


@router.post(
    "/generate_with_function",
    summary="Continue a conversation with a tool call · 生成工具呼叫",
    response_model=GenerateWithFunctionAnswer,
    responses=answers(
        *_CODES, *_FUNCTION_CODES, takes_body=True, events=_STREAM, example=FUNCTION_ANSWER
    ),
    openapi_extra=body(GenerateWithFunctionRequest, FUNCTION_REQUESTS),
)
async def generate_with_function(request: Request, hall: HallOfApp) -> Response:
    """Answer with a call of one of the tools, always valid against its JSON Schema.

    A call that does not fit `max_new_tokens` is refused with 422 `OUTPUT_TRUNCATED`, one that fills
    the model's context with 422 `CONTEXT_TOO_LONG`: half a call would break that promise.
    Simplified Chinese is answered in Simplified, but for the names in a tool's schema, which stay.
    """
    limit_bytes = hall.limits.http.max_body_bytes
    asked = await decode_body(request, GenerateWithFunctionRequest, limit_bytes)
    return await _respond(request, hall, asked, _call_answer(hall.parts))


async def _respond(
    request: Request, hall: Hall, asked: Decoded[Asked], finisher: Finisher
) -> Response:
    completion = completion_of(asked.message, hall.limits)
    finisher = _warning(asked.warnings, finisher)
    if asked.message.stream:
        return await _stream(request, hall.parts, completion, finisher)
    answer = _whole(hall, completion, finisher)
    return json_answer(await while_present(request, answer), only_set=True)


async def _whole(hall: Hall, completion: CompletionRequest, finisher: Finisher) -> Answer:
    timeout_s = hall.limits.generation.timeout_s
    return await finisher(await generate_whole(hall.parts.completer(), completion, timeout_s))


async def _stream(
    request: Request, parts: ApiParts, completion: CompletionRequest, finisher: Finisher
) -> Response:
    """Begin to answer only when the first piece is there: until then a refusal has a status."""
    completer = parts.completer()
    pieces = generate(completer, completion)
    first = await while_present(request, anext(pieces))
    stream = Stream(
        completion.request_id,
        completer.info.id,
        int(parts.clock.now().timestamp()),
        request.headers.get("accept-language", ""),
    )
    return EventStream(chunks(stream, pieces, first, finisher), farewell=farewell(stream))


def _warning(warnings: list[str], finisher: Finisher) -> Finisher:
    """Add to the answer what was ignored; nothing where all was understood."""
    if not warnings:
        return finisher

    async def finish(ended: Ended) -> Answer:
        return (await finisher(ended)).model_copy(update={"warnings": warnings})

    return finish


async def _text_answer(ended: Ended) -> GenerateAnswer:
    return GenerateAnswer(
        role="assistant",
        content=ended.content,
        finish_reason="length" if ended.finish is FinishReason.LENGTH else "stop",
        usage=usage_of(ended.usage),
    )


def _call_answer(parts: ApiParts) -> Finisher:
    async def finish(ended: Ended) -> GenerateWithFunctionAnswer:
        call = ended.call
        outcome = await dispatch(parts.tools, call)
        answer = GenerateWithFunctionAnswer(
            role="assistant",
            content=ended.content,
            tool_call=call is not None,
            tool_calls=[AnsweredCall(name=call.name, arguments=dict(call.arguments))]
            if call
            else [],
            finish_reason="tool_calls" if call else (await _text_answer(ended)).finish_reason,
            usage=usage_of(ended.usage),
        )
        return answer.model_copy(update=outcome.told())

    return finish
