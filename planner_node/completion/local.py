"""A language model in this process, behind the ``Completer`` Protocol."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from planner_node.clock import Clock
from planner_node.completion.request import (
    Completed,
    CompletionEvent,
    CompletionRequest,
    CompletionUsage,
    FinishReason,
    ModelInfo,
    TextChunk,
    Tool,
    ToolUse,
)
from planner_node.completion.room import prompt_within, refuse_endless
from planner_node.engine.request import Constraint, Event, Finish, Request, Sampling, TokenEngine
from planner_node.errors import (
    DeadlinePassed,
    EngineDied,
    GenerationTimeout,
    ModelNotReady,
    OutOfMemory,
    PlanInvalid,
    PlannerError,
    UnsupportedSchema,
)
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.vocabulary import TextDecoder, Vocabulary
from planner_node.prompt.render import Prompt, Renderer


@dataclass(frozen=True, slots=True)
class Voice:
    """What belongs to one model's tokenizer: prompts in, grammars beside, text out."""

    renderer: Renderer
    grammars: GrammarLibrary
    vocabulary: Vocabulary


class LocalCompleter:
    """Prompt → grammar → engine → text; lives on the loop, the engine in its own thread."""

    def __init__(self, info: ModelInfo, voice: Voice, engine: TokenEngine, clock: Clock) -> None:
        self._info = info
        self._voice = voice
        self._engine = engine
        self._clock = clock

    @property
    def info(self) -> ModelInfo:
        return self._info

    def check(self, tools: tuple[Tool, ...]) -> None:
        """Compile the tools' schemas now; raise UnsupportedSchema where one cannot be kept."""
        self._voice.grammars.matcher(tools, ToolUse.REQUIRED)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Yield text chunks, then one ``Completed``. See ``Completer``."""
        begun_s = self._clock.monotonic_s()
        refuse_endless(request.messages, _shown(request), self._info.context_tokens)
        constraint = self._voice.grammars.matcher(
            request.tools, request.tool_choice, request.language
        )
        run = self._run(request, self._prompt(request), constraint, begun_s)
        decoder = TextDecoder(self._voice.vocabulary)
        first_s: float | None = None
        async with aclosing(self._engine.generate(run)) as events:
            async for event in events:
                if first_s is None and event.token_ids:
                    first_s = self._clock.monotonic_s()
                text = decoder.feed(event.token_ids)
                if text:
                    yield TextChunk(text)
                if event.finished is not None:
                    finish = _finish(event, event.finished, request, run)
                    if finish is FinishReason.STOP and constraint is not None and constraint.done:
                        finish = FinishReason.TOOL_CALL
                    is_cut = run.max_new_tokens < request.max_new_tokens
                    full = finish is FinishReason.LENGTH and is_cut
                    usage = self._usage(event, begun_s, first_s)
                    yield Completed(finish, usage, self._info.context_tokens if full else None)

    def _prompt(self, request: CompletionRequest) -> Prompt:
        context_tokens, renderer = self._info.context_tokens, self._voice.renderer
        return prompt_within(context_tokens, renderer, request.messages, _shown(request))

    def _run(
        self,
        request: CompletionRequest,
        prompt: Prompt,
        constraint: Constraint | None,
        begun_s: float,
    ) -> Request:
        room = self._info.context_tokens - len(prompt.token_ids)
        ends_s = (request.deadline_s, _sum(begun_s, request.timeout_s))
        seed = secrets.randbits(31) if request.seed is None else request.seed
        return Request(
            request_id=request.request_id,
            prompt=prompt.token_ids,
            prefix_tokens=prompt.prefix_tokens,
            max_new_tokens=min(request.max_new_tokens, room),
            stop_tokens=self._voice.vocabulary.stop_tokens,
            sampling=Sampling(request.temperature, request.top_p, seed),
            constraint=constraint,
            biases=self._biases(request),
            milestone_tokens=self._voice.vocabulary.closing if request.tools else frozenset(),
            deadline_s=min((end_s for end_s in ends_s if end_s is not None), default=None),
        )

    def _biases(self, request: CompletionRequest) -> tuple[tuple[int, float], ...]:
        """Return what leans the choice of a tool: all of them, so that any one's name ends it."""
        leaning = dict(request.preferred)
        if not any(leaning.values()):
            return ()
        names = dict.fromkeys((*(tool.name for tool in request.tools), *leaning))
        first_token_of = self._voice.vocabulary.first_token_of
        return tuple((first_token_of(name), leaning.get(name, 0.0)) for name in names)

    def _usage(self, event: Event, begun_s: float, first_s: float | None) -> CompletionUsage:
        now_s = self._clock.monotonic_s()
        return CompletionUsage(
            prompt_tokens=event.usage.prompt_tokens if event.usage else 0,
            completion_tokens=event.usage.completion_tokens if event.usage else 0,
            forward_passes=event.usage.forward_passes if event.usage else 0,
            first_token_ms=((now_s if first_s is None else first_s) - begun_s) * 1000,
            latency_ms=(now_s - begun_s) * 1000,
        )


def _shown(request: CompletionRequest) -> tuple[Tool, ...]:
    return () if request.tool_choice is ToolUse.NONE else request.tools


def _sum(begun_s: float, timeout_s: float | None) -> float | None:
    return None if timeout_s is None else begun_s + timeout_s


def _finish(
    event: Event, finished: Finish, request: CompletionRequest, run: Request
) -> FinishReason:
    """Return why the text ends, or raise why it does not end well."""
    match finished:
        case Finish.STOPPED:
            return FinishReason.STOP
        case Finish.LENGTH:
            return FinishReason.LENGTH
        case Finish.DEADLINE if run.deadline_s == request.deadline_s:
            raise DeadlinePassed("the deadline passed while the model was writing")
        case Finish.DEADLINE:
            raise GenerationTimeout(f"the model wrote for longer than {request.timeout_s} s")
    raise _failure(finished, event.error)


def _failure(finished: Finish, error: str) -> PlannerError:
    match finished:
        case Finish.OUT_OF_MEMORY:
            return OutOfMemory(error)
        case Finish.CONSTRAINT:
            # A mask ran out of fuel: only a schema that passed the checks of size can do that.
            return UnsupportedSchema(f"the schema is too complex to follow: {error}", keyword="")
        case Finish.NOT_FINITE:
            return PlanInvalid(f"the model's scores broke down: {error}")
        case Finish.CANCELED:
            return ModelNotReady("the engine was stopped")
    return EngineDied(error)
