"""How requests end, and how they are refused: each on its own, whatever goes wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from planner_node.engine.batch import Chunk
from planner_node.engine.core import Engine
from planner_node.engine.kv_cache import KvSlots
from planner_node.engine.llama import LlamaForward
from planner_node.engine.request import Finish, Request, Sampling
from planner_node.errors import ContextTooLong, QueueFull
from tests.engine.conftest import LIMITS, MODEL, MakeEngine
from tests.fakes.engine import (
    TINY_CONTEXT_TOKENS,
    TINY_VOCABULARY_TOKENS,
    ListedConstraint,
    outcomes_of,
    prompt_of,
    run_together,
    steps_of,
    tokens_of,
)


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


def test_cancel_ends_at_once_and_others_go_on(engine: Engine) -> None:
    for n in range(4):
        engine.add(Request(str(n), prompt_of(n, 9), max_new_tokens=12))
    engine.step()
    canceled = engine.cancel("1")
    rest = outcomes_of(event for events in steps_of(engine) for event in events)
    assert canceled is not None
    assert canceled.finished is Finish.CANCELED
    assert rest.keys() == {"0", "2", "3"}


def test_canceled_id_can_be_used_again(engine: Engine) -> None:
    engine.add(Request("a", prompt_of(1, 9)))
    engine.step()
    engine.cancel("a")
    outcome = run_together(engine, [Request("a", prompt_of(1, 9), max_new_tokens=2)])["a"]
    assert len(outcome.token_ids) == 2


def test_cancel_of_the_unknown_is_nothing(engine: Engine) -> None:
    assert engine.cancel("nobody") is None


def one_row(clock: Callable[[], float]) -> Engine:
    forward = LlamaForward(MODEL, KvSlots(1, 64))
    return Engine(forward, replace(LIMITS, rows=1), clock=clock)


def test_deadline_ends_running_and_waiting() -> None:
    now_s = 0.0
    engine = one_row(lambda: now_s)
    engine.add(Request("running", prompt_of(1, 9), deadline_s=1.0))
    engine.add(Request("waiting", prompt_of(2, 9), deadline_s=1.0))
    engine.step()
    now_s = 1.0
    ends = {event.request_id: event.finished for event in engine.step()}
    assert ends == {"running": Finish.DEADLINE, "waiting": Finish.DEADLINE}


def test_wait_for_a_row_is_measured() -> None:
    now_s = 0.0
    engine = one_row(lambda: now_s)
    engine.add(Request("first", prompt_of(1, 9), max_new_tokens=1))
    engine.add(Request("second", prompt_of(2, 9), max_new_tokens=1))
    engine.step()
    now_s = 2.5
    engine.step()
    assert (engine.stats().admitted, engine.stats().queue_wait_seconds) == (2, 2.5)


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


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0)])
def test_scores_that_are_not_finite_are_not_the_constraints_fault(sampling: Sampling) -> None:
    engine = Engine(Overflowing(MODEL, KvSlots(4, 64)), LIMITS)
    shape = ListedConstraint(frozenset({20, 21}), frozenset({30}))
    spoiled = Request("spoiled", (66,), sampling=sampling, constraint=shape)
    outcome = run_together(engine, [spoiled])["spoiled"]
    assert outcome.finished is Finish.NOT_FINITE
    assert "bfloat16" in outcome.error


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


class FullSlots(KvSlots):
    """Slots beside which no copy fits."""

    def copy_out(self, slot: int, num_tokens: int) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError(f"no room for {num_tokens} tokens of row {slot}")


def test_prefix_that_cannot_be_kept_is_gone_without() -> None:
    requests = [Request(str(n), (*prompt_of(0, 30), 5 + n), 30, max_new_tokens=3) for n in range(3)]
    wanted = run_together(Engine(LlamaForward(MODEL, KvSlots(4, 64)), LIMITS), requests)
    engine = Engine(LlamaForward(MODEL, FullSlots(4, 64)), LIMITS)
    assert tokens_of(run_together(engine, requests)) == tokens_of(wanted)
    assert engine.stats().prefix_hits == 0


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
