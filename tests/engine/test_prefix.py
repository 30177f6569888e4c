"""Prompts that begin alike: computed once, and never to be noticed in the tokens."""

from dataclasses import replace

from planner_node.engine.core import Engine
from planner_node.engine.request import Finish, Request
from tests.engine.conftest import MakeEngine
from tests.fakes.engine import (
    prompt_of,
    run_together,
    tokens_of,
)


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
