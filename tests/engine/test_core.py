"""The engine's loop: the same tokens alone and in a crowd, however they came about."""

import random
from dataclasses import replace

import pytest
import torch

from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.llama import LlamaForward
from planner_node.engine.model import TransformersForward
from planner_node.engine.request import Event, Request, Sampling
from tests.engine.conftest import LIMITS, MODEL, MakeEngine
from tests.fakes.engine import (
    TINY_VOCABULARY_TOKENS,
    ListedConstraint,
    Outcome,
    constraint_of,
    outcomes_of,
    prompt_of,
    run_together,
    steps_of,
    tokens_of,
)


def mixed_requests() -> list[Request]:
    """Return prompts short and long, free and constrained, greedy and drawn, more than rows."""
    plain = [
        Request(
            f"plain-{n}",
            prompt_of(n, 5 + 13 * n),
            max_new_tokens=6 + 2 * n,
            milestone_tokens=frozenset(range(n, 1_000, 4)),
        )
        for n in range(4)
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


class Masked(ListedConstraint):
    """Says no to whatever it is asked for, as a constraint may: only its masks tell."""

    def legal(self, token_id: int) -> bool:
        super().legal(token_id)
        return False


class Counted(ListedConstraint):
    num_masks = 0

    def fill(self, mask: memoryview) -> None:
        self.num_masks += 1
        super().fill(mask)


def test_asking_for_the_next_best_gives_the_text_of_masks(make_engine: MakeEngine) -> None:
    rng = random.Random(5)
    choices = [frozenset(rng.sample(range(3, TINY_VOCABULARY_TOKENS), 60)) for _ in range(12)]
    asked, masked = Counted(*choices), Masked(*choices)
    texts = [
        run_together(make_engine(), [Request("a", prompt_of(1, 9), constraint=constraint)])
        for constraint in (asked, masked)
    ]
    assert tokens_of(texts[0]) == tokens_of(texts[1])
    assert asked.num_masks == 0


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
            milestone_tokens=frozenset(range(0, 1_000, 5)) if n % 4 else frozenset(),
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
