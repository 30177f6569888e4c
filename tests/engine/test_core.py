"""The engine's loop: the same tokens alone and in a crowd, however they came about."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.limits import EngineLimits
from planner_node.engine.llama import LlamaForward
from planner_node.engine.model import Forward, TransformersForward
from planner_node.engine.request import Constraint, Event, Finish, Request, Sampling
from planner_node.errors import ContextTooLong, QueueFull
from tests.fakes.engine import (
    TINY_CONTEXT_TOKENS,
    TINY_VOCABULARY_TOKENS,
    ListedConstraint,
    Outcome,
    outcomes_of,
    run_together,
    steps_of,
    tiny_llama,
)

MODEL = tiny_llama()
LIMITS = EngineLimits(rows=4, waiting=32, prefill_tokens=24, prefixes=2)

MakeEngine = Callable[..., Engine]


@pytest.fixture(params=[LlamaForward, TransformersForward])
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    """Return a maker of engines over one model, once with each forward pass."""
    forward_class: type[LlamaForward | TransformersForward] = request.param

    def make(limits: EngineLimits = LIMITS, context_tokens: int = TINY_CONTEXT_TOKENS) -> Engine:
        forward: Forward = forward_class(MODEL, KvSlots(limits.rows, context_tokens))
        return Engine(forward, limits)

    return make


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


def prompt_of(seed: int, num_tokens: int) -> tuple[int, ...]:
    rng = random.Random(seed)
    return tuple(rng.randrange(3, TINY_VOCABULARY_TOKENS) for _ in range(num_tokens))


def constraint_of(seed: int, *, forces: bool = True) -> Constraint:
    """Return choices among a few ids, with forced runs of different length between them."""
    rng = random.Random(seed)
    steps: list[frozenset[int] | tuple[int, ...]] = [prompt_of(seed, 3)]
    for _ in range(4):
        steps.append(frozenset(rng.sample(range(3, TINY_VOCABULARY_TOKENS), 20)))
        steps.append(prompt_of(rng.randrange(1000), rng.randrange(9)))
    return ListedConstraint(*steps, forces=forces)


def mixed_requests() -> list[Request]:
    """Return prompts short and long, free and constrained, greedy and drawn, more than rows."""
    plain = [
        Request(f"plain-{n}", prompt_of(n, 5 + 13 * n), max_new_tokens=6 + 2 * n) for n in range(4)
    ]
    drawn = [
        replace(request, request_id=f"drawn-{n}", sampling=Sampling(0.8, 0.9, seed=n))
        for n, request in enumerate(plain)
    ]
    shaped = [
        replace(request, request_id=f"shaped-{n}", max_new_tokens=99, constraint=constraint_of(n))
        for n, request in enumerate(plain)
    ]
    return [request for trio in zip(plain, drawn, shaped, strict=True) for request in trio]


def tokens_of(outcomes: dict[str, Outcome]) -> dict[str, tuple[int, ...]]:
    return {request_id: outcome.token_ids for request_id, outcome in outcomes.items()}


def test_batch_equals_single(make_engine: MakeEngine) -> None:
    alone: dict[str, Outcome] = {}
    for request in mixed_requests():
        alone |= run_together(make_engine(), [request])
    crowd = run_together(make_engine(), mixed_requests())
    assert tokens_of(crowd) == tokens_of(alone)


@pytest.mark.parametrize("num_tokens", [1, 7, 24, 25, 100])
def test_greedy_equals_generate(engine: Engine, num_tokens: int) -> None:
    prompt = prompt_of(num_tokens, num_tokens)
    expected = MODEL.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, num_tokens),
        max_new_tokens=20,
        do_sample=False,
        eos_token_id=[1, 2],
        pad_token_id=0,
    )[0, num_tokens:].tolist()
    expected = expected[: next((n for n, t in enumerate(expected) if t in {1, 2}), 20)]
    outcome = run_together(
        engine, [Request("a", prompt, max_new_tokens=20, stop_tokens=frozenset({1, 2}))]
    )["a"]
    assert list(outcome.token_ids) == expected


def test_both_forwards_give_the_same_tokens() -> None:
    outcomes = [
        run_together(Engine(forward_class(MODEL, KvSlots(4, 256)), LIMITS), mixed_requests())
        for forward_class in (LlamaForward, TransformersForward)
    ]
    assert tokens_of(outcomes[0]) == tokens_of(outcomes[1])


def test_own_forward_gives_the_logits_of_transformers() -> None:
    prompt = prompt_of(1, 50)
    forward = LlamaForward(MODEL, KvSlots(1, 64))
    engine = Engine(forward, replace(LIMITS, rows=1))
    seen: list[torch.Tensor] = []
    scores = forward.scores

    def recording(hidden: torch.Tensor) -> torch.Tensor:
        seen.append(scores(hidden).clone())
        return scores(hidden)

    forward.scores = recording  # type: ignore[method-assign]  # listens, changes nothing
    run_together(engine, [Request("a", prompt, max_new_tokens=1)])
    expected = MODEL(torch.tensor([prompt])).logits[:, -1]
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-4)


def test_shared_prefix_equals_unshared(make_engine: MakeEngine) -> None:
    prefix = prompt_of(0, 40)
    prompts = [prefix + prompt_of(n, 3 + n) for n in range(6)]
    unshared = [Request(str(n), prompt, max_new_tokens=8) for n, prompt in enumerate(prompts)]
    shared = [replace(request, prefix_tokens=len(prefix)) for request in unshared]
    assert tokens_of(run_together(make_engine(), shared)) == tokens_of(
        run_together(make_engine(), unshared)
    )


def test_shared_prefix_is_computed_once(engine: Engine) -> None:
    prefix = prompt_of(0, 40)
    requests = [Request(str(n), (*prefix, 5 + n), 40, max_new_tokens=2) for n in range(6)]
    outcomes = run_together(engine, requests)
    assert [outcomes[str(n)].usage.cached_tokens for n in range(6)] == [0, 40, 40, 40, 40, 40]


def test_prefix_that_is_the_whole_prompt_is_reused_but_for_its_last_token(engine: Engine) -> None:
    prompt = prompt_of(0, 30)
    requests = [Request(str(n), prompt, 30, max_new_tokens=4) for n in range(2)]
    outcomes = run_together(engine, requests)
    assert outcomes["1"].usage.cached_tokens == 29
    assert outcomes["1"].token_ids == outcomes["0"].token_ids


def test_prefix_of_a_canceled_builder_is_built_by_the_next(engine: Engine) -> None:
    prefix = prompt_of(0, 40)
    engine.add(Request("first", (*prefix, 7), 40))
    engine.add(Request("second", (*prefix, 8), 40, max_new_tokens=3))
    engine.step()
    engine.cancel("first")
    outcomes = run_together(engine, [])
    assert outcomes["second"].finished is Finish.LENGTH


def test_old_prefixes_make_room(engine: Engine) -> None:
    for n in range(5):
        run_together(engine, [Request(str(n), (*prompt_of(n, 30), 5), 30, max_new_tokens=1)])
    again = run_together(engine, [Request("again", (*prompt_of(0, 30), 5), 30, max_new_tokens=1)])
    assert again["again"].usage.cached_tokens == 0


def test_forced_tokens_give_the_text_of_masks(make_engine: MakeEngine) -> None:
    def requests(*, forces: bool) -> list[Request]:
        return [
            Request(str(n), prompt_of(n, 9), constraint=constraint_of(n, forces=forces))
            for n in range(6)
        ]

    forced = run_together(make_engine(), requests(forces=True))
    masked = run_together(make_engine(), requests(forces=False))
    assert tokens_of(forced) == tokens_of(masked)


def test_forced_tokens_cost_no_forward(engine: Engine) -> None:
    constraint = ListedConstraint((10, 11, 12), frozenset({20, 21}), (30, 31), frozenset({40}))
    outcome = run_together(engine, [Request("a", (5, 6), constraint=constraint)])["a"]
    assert outcome.usage.forward_passes == 2
    assert outcome.usage.forced_tokens == 5
    assert outcome.usage.completion_tokens == 7


def test_complete_document_ends_without_a_forward_for_its_stop_token(engine: Engine) -> None:
    constraint = ListedConstraint(frozenset({20, 21}), (30, 31))
    outcome = run_together(engine, [Request("a", (5, 6), constraint=constraint)])["a"]
    assert outcome.finished is Finish.STOPPED
    assert outcome.usage.forward_passes == 1


def test_document_that_is_forced_as_a_whole_needs_no_forward(engine: Engine) -> None:
    constraint = ListedConstraint((10, 11))
    outcome = run_together(engine, [Request("a", (5,), constraint=constraint)])["a"]
    assert outcome.token_ids == (10, 11)
    assert outcome.usage.forward_passes == 0


def test_limit_inside_a_forced_run_ends_as_length(engine: Engine) -> None:
    constraint = ListedConstraint(frozenset({20}), (10, 11, 12))
    request = Request("a", (5,), max_new_tokens=3, constraint=constraint)
    outcome = run_together(engine, [request])["a"]
    assert outcome.token_ids == (20, 10, 11)
    assert outcome.finished is Finish.LENGTH


def test_document_that_fits_exactly_is_complete(engine: Engine) -> None:
    constraint = ListedConstraint(frozenset({20}), (10, 11))
    request = Request("a", (5,), max_new_tokens=3, constraint=constraint)
    assert run_together(engine, [request])["a"].finished is Finish.STOPPED


def test_full_context_ends_as_length(make_engine: MakeEngine) -> None:
    engine = make_engine(context_tokens=20)
    outcome = run_together(engine, [Request("a", prompt_of(1, 15), max_new_tokens=100)])["a"]
    assert len(outcome.token_ids) == 5
    assert outcome.finished is Finish.LENGTH


def test_stop_token_ends_and_is_not_put_out(engine: Engine) -> None:
    free = run_together(engine, [Request("a", prompt_of(1, 9), max_new_tokens=12)])["a"]
    stop = free.token_ids[4]
    request = Request("b", prompt_of(1, 9), max_new_tokens=12, stop_tokens=frozenset({stop}))
    outcome = run_together(engine, [request])["b"]
    assert outcome.token_ids == free.token_ids[: free.token_ids.index(stop)]
    assert outcome.finished is Finish.STOPPED


def test_same_seed_gives_the_same_tokens(engine: Engine) -> None:
    sampling = Sampling(1.0, seed=7)
    requests = [Request(str(n), prompt_of(1, 9), 0, 12, sampling=sampling) for n in range(2)]
    outcomes = run_together(engine, requests)
    assert outcomes["0"].token_ids == outcomes["1"].token_ids


def test_other_seed_gives_other_tokens(engine: Engine) -> None:
    requests = [
        Request(str(n), prompt_of(1, 9), 0, 12, sampling=Sampling(seed=n, temperature=1.0))
        for n in range(2)
    ]
    outcomes = run_together(engine, requests)
    assert outcomes["0"].token_ids != outcomes["1"].token_ids


def test_cancel_ends_at_once_and_others_go_on(engine: Engine) -> None:
    for n in range(4):
        engine.add(Request(str(n), prompt_of(n, 9), max_new_tokens=12))
    engine.step()
    canceled = engine.cancel("1")
    rest = outcomes_of(event for events in steps_of(engine) for event in events)
    assert canceled is not None
    assert canceled.finished is Finish.CANCELED
    assert rest.keys() == {"0", "2", "3"}


def test_rows_that_move_keep_their_text(make_engine: MakeEngine) -> None:
    requests = [Request(str(n), prompt_of(n, 9), max_new_tokens=12) for n in range(4)]
    expected = run_together(make_engine(), requests)
    engine = make_engine()
    for request in requests:
        engine.add(request)
    events = engine.step()
    engine.cancel("0")
    events += [event for step in steps_of(engine) for event in step]
    survivors = outcomes_of(event for event in events if event.request_id != "0")
    assert tokens_of(survivors) == {n: expected[n].token_ids for n in ("1", "2", "3")}


def test_canceled_id_can_be_used_again(engine: Engine) -> None:
    engine.add(Request("a", prompt_of(1, 9)))
    engine.step()
    engine.cancel("a")
    outcome = run_together(engine, [Request("a", prompt_of(1, 9), max_new_tokens=2)])["a"]
    assert len(outcome.token_ids) == 2


def test_cancel_of_the_unknown_is_nothing(engine: Engine) -> None:
    assert engine.cancel("nobody") is None


def test_deadline_ends_running_and_waiting() -> None:
    now_s = 0.0
    limits = replace(LIMITS, rows=1)
    engine = Engine(LlamaForward(MODEL, KvSlots(1, 64)), limits, clock=lambda: now_s)
    engine.add(Request("running", prompt_of(1, 9), deadline_s=1.0))
    engine.add(Request("waiting", prompt_of(2, 9), deadline_s=1.0))
    engine.step()
    now_s = 1.0
    ends = {event.request_id: event.finished for event in engine.step()}
    assert ends == {"running": Finish.DEADLINE, "waiting": Finish.DEADLINE}


def test_broken_constraint_ends_its_own_request_only(engine: Engine) -> None:
    broken = ListedConstraint(frozenset({20}), frozenset({21}), breaks_at=1)
    requests = [
        Request("broken", (5, 6), constraint=broken),
        Request("whole", (5, 6), constraint=ListedConstraint(frozenset({20}), frozenset({21}))),
    ]
    outcomes = run_together(engine, requests)
    assert outcomes["broken"].finished is Finish.CONSTRAINT
    assert outcomes["broken"].error == "broken by the test"
    assert outcomes["whole"].token_ids == (20, 21)


def test_prompt_that_fills_the_context_is_refused(engine: Engine) -> None:
    with pytest.raises(ContextTooLong, match="256 tokens"):
        engine.add(Request("a", prompt_of(1, TINY_CONTEXT_TOKENS)))


def test_request_beyond_the_waiting_room_is_refused(make_engine: MakeEngine) -> None:
    engine = make_engine(replace(LIMITS, rows=1, waiting=1))
    engine.add(Request("1", (5,)))
    engine.add(Request("2", (5,)))
    with pytest.raises(QueueFull):
        engine.add(Request("3", (5,)))


@pytest.mark.parametrize("token_id", [-1, TINY_VOCABULARY_TOKENS])
def test_unknown_id_in_the_prompt_is_refused(engine: Engine, token_id: int) -> None:
    with pytest.raises(ValueError, match="does not know"):
        engine.add(Request("a", (5, token_id)))


def test_id_in_use_is_refused(engine: Engine) -> None:
    engine.add(Request("a", (5,)))
    with pytest.raises(ValueError, match="in use"):
        engine.add(Request("a", (5,)))


def test_constraint_that_allows_nothing_ends_its_own_request_only(engine: Engine) -> None:
    stuck = Request("stuck", (5, 6), constraint=ListedConstraint(frozenset()))
    outcomes = run_together(engine, [stuck, Request("free", (5, 6), max_new_tokens=3)])
    assert outcomes["stuck"].finished is Finish.CONSTRAINT
    assert len(outcomes["free"].token_ids) == 3


class Overflowing(LlamaForward):
    """A forward whose numbers break for rows that hold the token 66."""

    def hidden(self, chunks: list[Chunk]) -> torch.Tensor:
        found = super().hidden(chunks)
        for row, chunk in enumerate(chunks):
            if 66 in chunk.token_ids:
                found[row] = torch.nan
                for buffer in self.slots._buffers:
                    buffer[chunk.slot] = torch.nan
        return found


def test_scores_that_are_not_finite_end_their_own_request_and_spoil_no_other() -> None:
    engine = Engine(Overflowing(MODEL, KvSlots(4, 64)), LIMITS)
    rest = [Request(str(n), prompt_of(n, 4 + n), max_new_tokens=5) for n in range(3)]
    sound = run_together(engine, rest)
    spoiled = run_together(engine, [Request("spoiled", (66,)), *rest])
    assert spoiled.pop("spoiled").finished is Finish.NOT_FINITE
    again = run_together(engine, rest)
    assert tokens_of(spoiled) == tokens_of(again) == tokens_of(sound)


def test_storm_of_requests_leaves_nothing_behind(make_engine: MakeEngine) -> None:
    """Requests come, are canceled and end in any order: each ends once, with its own text."""
    rng = random.Random(11)
    prefix = prompt_of(0, 20)
    requests = [
        Request(
            str(n),
            prefix[: 20 * (n % 2)] + prompt_of(n, rng.randrange(1, 40)),
            prefix_tokens=20 * (n % 2),
            max_new_tokens=rng.randrange(1, 9),
            constraint=constraint_of(n) if n % 3 == 0 else None,
        )
        for n in range(60)
    ]
    engine = make_engine()
    events: list[Event] = []
    canceled: set[str] = set()
    coming = list(requests)
    while coming or not engine.idle:
        for _ in range(min(len(coming), rng.randrange(4), 20 - engine.stats().waiting)):
            engine.add(coming.pop())
        if rng.random() < 0.2 and (last := engine.cancel(str(rng.randrange(60)))) is not None:
            events.append(last)
            canceled.add(last.request_id)
        events += engine.step()
    outcomes = outcomes_of(events)
    assert outcomes.keys() == {request.request_id for request in requests}
    whole = [
        replace(r, constraint=constraint_of(int(r.request_id)) if r.constraint else None)
        for r in requests
        if r.request_id not in canceled
    ]
    expected = run_together(make_engine(replace(LIMITS, rows=1, waiting=99, prefixes=0)), whole)
    assert {r: outcomes[r].token_ids for r in expected} == tokens_of(expected)
    stats = engine.stats()
    assert (stats.rows, stats.waiting, len(engine._prefixes)) == (0, 0, 1)


class Crowded(LlamaForward):
    """A forward that has no room for more than two rows."""

    def hidden(self, chunks: list[Chunk]) -> torch.Tensor:
        if len(chunks) > 2:
            raise torch.OutOfMemoryError("no room")
        return super().hidden(chunks)


def test_out_of_memory_ends_the_step_and_the_engine_goes_on() -> None:
    engine = Engine(Crowded(MODEL, KvSlots(4, 64)), LIMITS)
    crowd = run_together(engine, [Request(str(n), (5, 6)) for n in range(3)])
    assert {outcome.finished for outcome in crowd.values()} == {Finish.OUT_OF_MEMORY}
    after = run_together(engine, [Request("after", (5, 6), max_new_tokens=3)])
    assert after["after"].finished is Finish.LENGTH


def test_stats_count_what_was_done(engine: Engine) -> None:
    constraint = ListedConstraint((10, 11), frozenset({20, 21}))
    run_together(
        engine,
        [Request("a", (5, 6), constraint=constraint), Request("b", (5,), max_new_tokens=3)],
    )
    stats = engine.stats()
    assert (stats.requests, stats.forward_passes, stats.forward_rows) == (2, 3, 4)
    assert (stats.prompt_tokens, stats.sampled_tokens, stats.forced_tokens) == (3, 4, 2)
    assert (stats.rows, stats.waiting) == (0, 0)
