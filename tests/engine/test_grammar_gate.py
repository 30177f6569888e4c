"""The real grammar over Llama 3.1's vocabulary: all on writes what all off writes.

All on is dictated tokens, guesses, shared prefixes, prompts in pieces, and rows that come, move
and are left in a crowd. All off is one row alone that gets every id from a mask.
"""

import random
from collections import deque
from dataclasses import replace
from functools import cache

import pytest
from pydantic import JsonValue

from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Constraint, Event, Finish, Request
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.tool import Tool, ToolUse
from tests.fakes.engine import Outcome, outcomes_of, run_together, tiny_llama
from tests.fakes.grammar import llama_31_vocabulary

# Building the tokenizer takes seconds, on a busy machine half a minute.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NUM_KINDS = 20
NUM_REQUESTS = 3 * NUM_KINDS  # who asks what was asked before has its guesses right, tools and all
CONTEXT_TOKENS = 300
ALL_ON = EngineLimits(rows=5, waiting=NUM_REQUESTS, prefill_tokens=48, prefixes=2, draft_tokens=64)
ALL_OFF = replace(ALL_ON, rows=1, prefill_tokens=512, prefixes=0, draft_tokens=0)
INSTRUCTIONS = ("put the book on the table", "找到書本並拿起", "open door")
SHORT_TEXT: JsonValue = {"type": "string", "minLength": 1, "maxLength": 12}


class Undictated:
    """A matcher that dictates nothing: each id of a dictated run is a mask of this one id."""

    def __init__(self, matcher: Constraint) -> None:
        self._matcher = matcher
        self._run = deque(matcher.forced())

    @property
    def done(self) -> bool:
        return self._matcher.done and not self._run

    def forced(self) -> list[int]:
        return []

    def fill(self, mask: memoryview) -> None:
        if not self._run:
            self._matcher.fill(mask)
            return
        mask.cast("B")[:] = bytes(mask.nbytes)
        mask.cast("B")[self._run[0] // 8] = 1 << self._run[0] % 8

    def legal(self, token_id: int) -> bool:
        return token_id == self._run[0] if self._run else self._matcher.legal(token_id)

    def accept(self, token_id: int) -> None:
        if self._run:
            assert token_id == self._run.popleft()
            return
        self._matcher.accept(token_id)
        self._run.extend(self._matcher.forced())

    def rollback(self, num_tokens: int) -> None:
        assert num_tokens == 0, "without guesses nothing is taken back"


def object_of(**properties: JsonValue) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SUBTASKS: JsonValue = {
    "type": "array",
    "items": object_of(task=SHORT_TEXT, description=SHORT_TEXT),
    "minItems": 2,
    "maxItems": 3,
}
CODES: JsonValue = {"enum": ["UNSAFE", "NOT_A_TASK", "IMPOSSIBLE"]}
PLAN = Tool("decompose_task", "Plan.", object_of(tasks=SUBTASKS))
DECLINE = Tool("decline_task", "Decline.", object_of(code=CODES, reason=SHORT_TEXT))

# How "decline_task" goes on after "de" or "dec". Random weights want nothing legal by themselves;
# leaning here makes a guess come true, with what is dictated behind it.
LEANS = {"cline": 99.0, "line": 99.0}


@cache
def library() -> GrammarLibrary:
    return GrammarLibrary(llama_31_vocabulary())


def matcher_of(kind: int) -> Matcher:
    """Return a plan or a choice of two tools, with or without plain text, in either script."""
    tools = (PLAN, DECLINE) if kind % 2 else (PLAN,)
    choice = ToolUse.REQUIRED if kind % 4 else ToolUse.AUTO
    matcher = library().matcher(tools, choice, None if kind % 3 else "zh-TW")
    assert isinstance(matcher, Matcher)
    return matcher


def request_of(kind: int, number: int = 0, *, dictates: bool = True) -> Request:
    chance, vocabulary = random.Random(kind), llama_31_vocabulary()
    prefix = range(1000, 1040) if kind % 2 else range(2000, 2070)
    own = vocabulary.tokens.tokenize_str(f"{chance.choice(INSTRUCTIONS)}{kind}")
    leans = tuple((vocabulary.tokens.tokenize_str(text)[0], lean) for text, lean in LEANS.items())
    return Request(
        f"{kind}-{number}",
        (*prefix, *own),
        len(prefix),
        max_new_tokens=chance.choice([20, 60, 120]),
        stop_tokens=vocabulary.stop_tokens,
        constraint=matcher_of(kind) if dictates else Undictated(matcher_of(kind)),
        biases=leans if kind % 4 == 1 else (),
    )


@pytest.fixture(scope="module")
def forwards() -> tuple[LlamaForward, LlamaForward]:
    """Return the forward of the crowd and that of the row alone, over one model."""
    vocabulary = llama_31_vocabulary()
    model = tiny_llama(
        vocab_size=vocabulary.size,
        hidden_size=32,
        num_hidden_layers=1,
        max_position_embeddings=CONTEXT_TOKENS,
        eos_token_id=list(vocabulary.stop_tokens),
    )
    crowd, alone = (LlamaForward(model, KvSlots(n, CONTEXT_TOKENS)) for n in (ALL_ON.rows, 1))
    return crowd, alone


def run_alone(engine: Engine) -> dict[str, Outcome]:
    """Return how each kind ends, by the number of the kind."""
    outcomes: dict[str, Outcome] = {}
    for kind in range(NUM_KINDS):
        outcome = run_together(engine, [request_of(kind, dictates=False)])[f"{kind}-0"]
        outcomes[str(kind)] = outcome
    return outcomes


def run_in_a_crowd(engine: Engine, chance: random.Random) -> dict[str, Outcome]:
    """Add requests as they come and leave some of them half way; return how all ended."""
    coming = [request_of(number % NUM_KINDS, number) for number in range(NUM_REQUESTS)]
    chance.shuffle(coming)
    names = [request.request_id for request in coming]
    events: list[Event] = []
    while coming or not engine.idle:
        for _ in range(min(len(coming), chance.randrange(3))):
            engine.add(coming.pop())
        if chance.random() < 0.3:
            last = engine.cancel(chance.choice(names))
            events += [] if last is None else [last]
        events += engine.step()
    return outcomes_of(events)


def test_text_is_that_of_one_row_with_a_mask_for_each_id(
    forwards: tuple[LlamaForward, LlamaForward],
) -> None:
    on, off = Engine(forwards[0], ALL_ON), Engine(forwards[1], ALL_OFF)
    alone, crowd = run_alone(off), run_in_a_crowd(on, random.Random(5))
    assert len(crowd) == NUM_REQUESTS
    for request_id, outcome in crowd.items():
        expected, num_tokens = alone[request_id.partition("-")[0]], len(outcome.token_ids)
        assert outcome.token_ids == expected.token_ids[:num_tokens]
        if outcome.finished is not Finish.CANCELED:
            assert (outcome.finished, num_tokens) == (expected.finished, len(expected.token_ids))
    ends = {outcome.finished for outcome in crowd.values()}
    assert ends == {Finish.STOPPED, Finish.LENGTH, Finish.CANCELED}
    assert min(on.stats().forced_tokens, on.stats().accepted_tokens) > 300
    assert on.stats().prefix_hits > 0
    assert off.stats().forced_tokens == off.stats().accepted_tokens == 0
    assert on.stats().forward_passes < off.stats().forward_passes / 5
