"""Servers behind the ``Completer`` Protocol."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, TypeVar

from planner_node.clock import Clock
from planner_node.completion.remote.answer import Answer
from planner_node.completion.remote.check import AnswerCheck, reading_grammars
from planner_node.completion.remote.endpoint import Endpoint
from planner_node.completion.remote.failure import EndpointFailed, Kind
from planner_node.completion.remote.patience import Patience
from planner_node.completion.remote.phrasing import Phrased, Phrasing
from planner_node.completion.remote.pieces import Cost
from planner_node.completion.remote.pool import NoneLeft, Place, Pool
from planner_node.completion.remote.schema import Body, constraint, offered
from planner_node.completion.request import (
    Completed,
    CompletionEvent,
    CompletionRequest,
    FinishReason,
    ModelInfo,
    TextChunk,
    Tool,
    ToolUse,
)
from planner_node.completion.room import refuse_endless
from planner_node.errors import (
    ContextTooLong,
    EndpointRefused,
    ModelNotReached,
    ModelNotReady,
    PlannerError,
    QueueFull,
    UnsupportedSchema,
)
from planner_node.grammar.document import call_schema
from planner_node.grammar.limits import SchemaLimits

T = TypeVar("T")
# A busy server is asked again after its pause, but not for ever: so often each.
_BUSY_ROUNDS: Final = 8
# After a whole call only its cost is still to come, and some servers never end their stream.
_REST_S: Final = 1.0
_REMOTE: Final = "remote"


class RemoteCompleter:
    """Phrases a request, finds a server for it, and checks what comes back; lives on the loop."""

    def __init__(self, phrasing: Phrasing, pool: Pool, context_tokens: int, clock: Clock) -> None:
        self._phrasing = phrasing
        self._pool = pool
        self._context_tokens = context_tokens
        self._clock = clock
        self._grammars = reading_grammars()

    @property
    def info(self) -> ModelInfo:
        """The models that the endpoints have now, and where."""
        served = self._pool.served
        told = [one.context_tokens for one in served if one.context_tokens is not None]
        return ModelInfo(
            id=", ".join(dict.fromkeys(one.model for one in served)),
            quantization=_REMOTE,
            dtype=_REMOTE,
            context_tokens=min([self._context_tokens, *told]),
            device=", ".join(one.name for one in self._pool.endpoints),
        )

    @property
    def trouble(self) -> str:
        """Why no request can be taken; empty where one can."""
        return self._pool.trouble

    def check(self, tools: tuple[Tool, ...]) -> None:
        """Compile the tools' schemas now; raise UnsupportedSchema where one cannot be kept."""
        self._grammars.matcher(offered(tools, ToolUse.REQUIRED), ToolUse.REQUIRED)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Yield text chunks, then one ``Completed``; see ``Completer``.

        Raises:
            PlanInvalid: what the server wrote does not fit the schema or the language.
            EndpointRefused: no server takes this request.
        """
        run = self._prepare(request)
        while not run.ended:
            endpoint = await self._next_endpoint(run)
            try:
                async with aclosing(self._attempt(endpoint, run)) as events:
                    async for event in events:
                        run.told = True
                        yield event
                run.ended = True
                endpoint.praise()
            except EndpointFailed as error:
                endpoint.failed += 1
                self._pool.blame(endpoint, error.fault)
                run.failed(endpoint, error)
            finally:
                self._pool.give_back(endpoint)

    def _prepare(self, request: CompletionRequest) -> "_Run":
        tools = offered(request.tools, request.tool_choice)
        refuse_endless(request.messages, tools, self.info.context_tokens)
        # Refuses what cannot be kept, and a choice that is not offered.
        self._grammars.matcher(tools or request.tools, request.tool_choice)
        schema = call_schema(tools, SchemaLimits()) if tools else None
        # Where text may come too, no schema can be sent: the model is free, and what opens with
        # a brace must be a call.
        kept = schema if request.tool_choice is not ToolUse.AUTO else None
        phrased = self._phrasing.phrase(request, tools, self.info.context_tokens)
        patience = Patience(request, self._clock)
        return _Run(request, tools, kept, phrased, patience, self._pool.place())

    async def _next_endpoint(self, run: "_Run") -> Endpoint:
        try:
            return await run.patience.wait(self._pool.take(run.place))
        except NoneLeft:
            raise run.nobody() from run.failures[0]

    async def _attempt(
        self, endpoint: Endpoint, run: "_Run"
    ) -> AsyncGenerator[CompletionEvent, None]:
        check = AnswerCheck(endpoint.name, self._grammars, run.request, run.tools)
        answer = Answer(endpoint.name, check, run.phrased.prompt_tokens)
        async with aclosing(endpoint.stream(self._phrasing.path, run.body(endpoint))) as pieces:
            while (
                not answer.is_whole
                and (piece := await run.patience.wait(_following(pieces))) is not None
            ):
                if text := answer.take(piece):
                    run.patience.note_first()
                    yield TextChunk(text)
            if answer.is_whole:
                await run.patience.linger(answer.take_rest(pieces), _REST_S)
        finish = answer.finish()
        full = run.full_context(answer.counted) if finish is FinishReason.LENGTH else None
        yield Completed(finish, run.patience.usage(answer.cost), full)


@dataclass(slots=True)
class _Run:
    """One request on its way through the endpoints."""

    request: CompletionRequest
    tools: Sequence[Tool]
    schema: Body | None
    phrased: Phrased
    patience: Patience
    place: Place
    refusals: Counter[Endpoint] = field(default_factory=Counter)  # how often each was busy
    failures: list[EndpointFailed] = field(default_factory=list)
    told: bool = False  # whether anything was handed on: then nobody else can begin anew
    ended: bool = False

    def body(self, endpoint: Endpoint) -> Body:
        """Return the whole body for one endpoint."""
        request, served = self.request, endpoint.served
        assert served is not None  # noqa: S101  only an endpoint that is well is taken
        body: Body = {
            "model": served.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
            "top_p": request.top_p,
            **self.phrased.body,
        }
        if request.seed is not None:
            body["seed"] = request.seed
        return body if self.schema is None else body | constraint(served.field, self.schema)

    def full_context(self, counted: Cost | None) -> int | None:
        """Return the size of the context where it ended an answer that is cut; None: the limit."""
        if self.phrased.context_tokens is not None:
            return self.phrased.context_tokens
        # A server that stops short of what it was allowed has a smaller context than was known.
        if counted is not None and 0 < counted.completion_tokens < self.request.max_new_tokens:
            return counted.prompt_tokens + counted.completion_tokens
        return None

    def nobody(self) -> PlannerError:
        """Return what is told where every endpoint failed and nothing was handed on."""
        first = self.failures[0]
        if any(one.fault.reached for one in self.failures):
            return _told(first)
        return ModelNotReached(str(first), endpoint=first.endpoint)

    def failed(self, endpoint: Endpoint, error: EndpointFailed) -> None:
        """Note it; raise the typed error where no other endpoint can help."""
        self.failures.append(error)
        if self.told:
            raise _told(error) from error
        if error.fault.kind is not Kind.BUSY:
            self.place.tried.append(endpoint)
            return
        self.refusals[endpoint] += 1
        if self.refusals[endpoint] >= _BUSY_ROUNDS:
            raise QueueFull(str(error), endpoint=error.endpoint) from error


async def _following(pieces: AsyncGenerator[T, None]) -> T | None:
    return await anext(pieces, None)


def _told(error: EndpointFailed) -> PlannerError:
    """Return a failure in the house's words."""
    said, where = str(error), {"endpoint": error.endpoint}
    match error.fault.kind:
        case Kind.TOO_LONG:
            return ContextTooLong(said, **where)
        case Kind.REFUSED if "schema" in said.lower() or "grammar" in said.lower():
            return UnsupportedSchema(said, keyword="", **where)
        case Kind.REFUSED:
            return EndpointRefused(said, **where)
    return ModelNotReady(said, **where)
