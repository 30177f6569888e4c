"""A local model's ways to end, told in typed errors; and the engine's rules at this door."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import pytest

from planner_node.clock import SystemClock
from planner_node.completion.loading import voice_of
from planner_node.completion.local import LocalCompleter
from planner_node.completion.request import (
    CompletionRequest,
    Message,
    ModelInfo,
    TextChunk,
    Tool,
    ToolUse,
)
from planner_node.engine.request import Event, Finish, Request, Usage
from planner_node.errors import (
    ContextTooLong,
    DeadlinePassed,
    EngineDied,
    GenerationTimeout,
    ModelNotReady,
    OutOfMemory,
    PlannerError,
    UnsupportedSchema,
)
from tests.fakes.asked import told as answered
from tests.fakes.local import tiny_model

ASKED = CompletionRequest("one", (Message("user", "Find the cup."),))
FLAG = Tool("flag", "", {"properties": {"x": {"type": "boolean"}}, "required": ["x"]})


class PlayedEngine:
    """A token engine that plays events and keeps the request."""

    def __init__(self, *events: Event) -> None:
        self._events = events
        self.requests: list[Request] = []
        self.left = False

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        try:
            for event in self._events:
                yield event
        finally:
            self.left = True


class StuckClock(SystemClock):
    """A clock that stands still."""

    def monotonic_s(self) -> float:
        return 1000.0


def completer(engine: PlayedEngine, context_tokens: int = 4096) -> LocalCompleter:
    info = ModelInfo("tiny", "none", "float32", context_tokens, "cpu")
    return LocalCompleter(info, voice_of(tiny_model()), engine, StuckClock())


def ended(finish: Finish, error: str = "") -> Event:
    return Event("one", finished=finish, usage=Usage(), error=error)


def ids(text: str) -> list[int]:
    vocabulary = voice_of(tiny_model()).vocabulary
    single = {text: place for place, text in enumerate(vocabulary.bytes_of) if len(text) == 1}
    return [single[bytes([byte])] for byte in text.encode()]


async def told(engine: PlayedEngine, request: CompletionRequest = ASKED) -> list[str]:
    async with aclosing(completer(engine).stream(request)) as events:
        return [event.text async for event in events if isinstance(event, TextChunk)]


async def asked_of(request: CompletionRequest, context_tokens: int = 4096) -> Request:
    """Return what the engine is asked for."""
    engine = PlayedEngine(ended(Finish.STOPPED))
    async with aclosing(completer(engine, context_tokens).stream(request)) as events:
        assert [event async for event in events]
    return engine.requests[0]


@pytest.mark.parametrize(
    ("finish", "error"),
    [
        (Finish.OUT_OF_MEMORY, OutOfMemory),
        (Finish.CONSTRAINT, UnsupportedSchema),
        (Finish.CANCELED, ModelNotReady),
        (Finish.DIED, EngineDied),
    ],
)
async def test_bad_end_is_told_by_its_own_error(finish: Finish, error: type[PlannerError]) -> None:
    with pytest.raises(error):
        await told(PlayedEngine(ended(finish, "why it ended")))


async def test_deadline_of_the_task_is_told_as_that() -> None:
    asked = replace(ASKED, deadline_s=1005.0, timeout_s=10.0)
    with pytest.raises(DeadlinePassed):
        await told(PlayedEngine(ended(Finish.DEADLINE)), asked)


async def test_timeout_before_the_deadline_is_told_as_that() -> None:
    asked = replace(ASKED, deadline_s=1020.0, timeout_s=10.0)
    with pytest.raises(GenerationTimeout):
        await told(PlayedEngine(ended(Finish.DEADLINE)), asked)


async def test_engine_is_given_the_earlier_of_deadline_and_timeout() -> None:
    assert (await asked_of(replace(ASKED, deadline_s=1020.0, timeout_s=10.0))).deadline_s == 1010.0
    assert (await asked_of(ASKED)).deadline_s is None


async def test_what_cannot_fit_is_refused_before_its_grammar_is_made() -> None:
    names = [f"{number}-{'x' * 200}" for number in range(9)]
    skills = Tool("do", "", {"properties": {"skill": {"enum": [*names]}}})
    voice = voice_of(tiny_model())
    info = ModelInfo("tiny", "none", "float32", 100, "cpu")
    asked = replace(ASKED, tools=(skills,))
    completer = LocalCompleter(info, voice, PlayedEngine(), StuckClock())
    made = len(voice.grammars)
    async with aclosing(completer.stream(asked)) as events:
        with pytest.raises(ContextTooLong, match="far more than the model's 100 tokens"):
            await anext(events)
    assert len(voice.grammars) == made


async def test_characters_are_never_split() -> None:
    one, two, three = ids("書")
    engine = PlayedEngine(
        Event("one", (one,)), Event("one", (two,)), Event("one", (three,)), ended(Finish.STOPPED)
    )
    assert await told(engine) == ["書"]


async def test_half_a_character_at_the_end_is_not_told() -> None:
    engine = PlayedEngine(Event("one", tuple(ids("a書")[:-1])), ended(Finish.LENGTH))
    assert await told(engine) == ["a"]


async def test_special_tokens_have_no_text() -> None:
    engine = PlayedEngine(Event("one", (10, *ids("a"), 5)), ended(Finish.STOPPED))
    assert await told(engine) == ["a"]


async def test_leaving_the_stream_leaves_the_engine() -> None:
    engine = PlayedEngine(Event("one", tuple(ids("a"))), Event("one", tuple(ids("b"))))
    async with aclosing(completer(engine).stream(ASKED)) as events:
        await anext(events)
        assert not engine.left
    assert engine.left


async def test_new_tokens_are_cut_to_the_room_left() -> None:
    run = await asked_of(replace(ASKED, max_new_tokens=10**6))
    assert run.max_new_tokens == 4096 - len(run.prompt)


async def test_text_that_fills_the_context_is_told_as_that() -> None:
    async def full_context(max_new_tokens: int) -> int | None:
        speaks = completer(PlayedEngine(ended(Finish.LENGTH)))
        _, end = await answered(speaks, replace(ASKED, max_new_tokens=max_new_tokens))
        return end.context_tokens

    assert await full_context(10**6) == 4096
    assert await full_context(20) is None


async def test_prompt_without_room_for_an_answer_is_refused_with_its_size() -> None:
    prompt_tokens = len((await asked_of(ASKED)).prompt)
    with pytest.raises(ContextTooLong) as caught:
        await asked_of(ASKED, context_tokens=prompt_tokens)
    assert caught.value.references["prompt_tokens"] == prompt_tokens


async def test_missing_seed_is_drawn_and_given_seed_is_kept() -> None:
    assert (await asked_of(replace(ASKED, seed=7))).sampling.seed == 7
    seeds = {(await asked_of(ASKED)).sampling.seed for _ in range(4)}
    assert len(seeds) > 1


async def test_prefix_and_stop_tokens_reach_the_engine() -> None:
    run = await asked_of(replace(ASKED, tools=(FLAG,)))
    assert 0 < run.prefix_tokens < len(run.prompt)
    assert len(run.stop_tokens) == 3


async def test_every_tool_has_a_part_in_the_leaning_of_their_choice() -> None:
    other = replace(FLAG, name="other")
    run = await asked_of(replace(ASKED, tools=(FLAG, other), preferred=(("flag", 2.0),)))
    assert run.biases == ((ids("f")[0], 2.0), (ids("o")[0], 0.0))
    assert not (await asked_of(replace(ASKED, tools=(FLAG, other)))).biases


async def test_tools_that_may_not_be_used_are_not_shown() -> None:
    shown = await asked_of(replace(ASKED, tools=(FLAG,)))
    hidden = await asked_of(replace(ASKED, tools=(FLAG,), tool_choice=ToolUse.NONE))
    assert len(hidden.prompt) < len(shown.prompt)
    assert hidden.constraint is None
