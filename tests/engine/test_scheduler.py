"""Who runs next, as lists and numbers: no tensor is needed to check it."""

from dataclasses import replace
from typing import Any

import pytest

from planner_node.engine.limits import EngineLimits
from planner_node.engine.request import Request
from planner_node.engine.scheduler import Move, Scheduler
from planner_node.engine.sequence import URGENT_TOKENS, Sequence
from planner_node.errors import QueueFull

LIMITS = EngineLimits(rows=3, waiting=4, prefill_tokens=10, prefixes=2)
PREFIX = (1, 2, 3, 4)


def sequence_of(request_id: str, num_tokens: int = 4, **fields: Any) -> Sequence:  # noqa: ANN401  as Request has them
    return Sequence(Request(request_id, tuple(range(1, num_tokens + 1)), **fields), 200)


def scheduler_of(*sequences: Sequence) -> Scheduler:
    scheduler = Scheduler(LIMITS)
    for sequence in sequences:
        scheduler.add(sequence)
    return scheduler


def ids(sequences: list[Sequence]) -> list[str]:
    return [sequence.request.request_id for sequence in sequences]


def nothing_cached(_: tuple[int, ...]) -> bool:
    return False


def test_rows_are_given_in_order_of_arrival() -> None:
    scheduler = scheduler_of(*(sequence_of(name) for name in "abcde"))
    assert ids(scheduler.admit(nothing_cached)) == ["a", "b", "c"]
    assert ids(list(scheduler.waiting)) == ["d", "e"]


def test_slots_are_contiguous_after_a_row_leaves() -> None:
    scheduler = scheduler_of(*(sequence_of(name) for name in "abc"))
    first, _, last = scheduler.admit(nothing_cached)
    last.computed = 4
    assert scheduler.remove(first) == Move(source=2, target=0, num_tokens=4)
    assert [(s.request.request_id, s.slot) for s in scheduler.running] == [("c", 0), ("b", 1)]


def test_last_row_leaves_without_a_move() -> None:
    scheduler = scheduler_of(sequence_of("a"), sequence_of("b"))
    _, last = scheduler.admit(nothing_cached)
    assert scheduler.remove(last) is None


def test_waiting_sequence_leaves_without_a_move() -> None:
    waiting = sequence_of("a")
    scheduler = scheduler_of(waiting)
    assert scheduler.remove(waiting) is None
    assert not scheduler.waiting


def test_room_is_bounded_by_rows_and_waiting() -> None:
    scheduler = scheduler_of(*(sequence_of(str(n)) for n in range(7)))
    with pytest.raises(QueueFull):
        scheduler.add(sequence_of("8"))


def test_prompts_share_the_budget_in_order_of_arrival() -> None:
    scheduler = scheduler_of(sequence_of("a", 6), sequence_of("b", 6), sequence_of("c", 6))
    scheduler.admit(nothing_cached)
    assert [turn.num_tokens for turn in scheduler.turns()] == [6, 4]


def test_decoding_rows_run_whatever_the_budget() -> None:
    scheduler = scheduler_of(sequence_of("long", 60), sequence_of("decoding"))
    _, decoding = scheduler.admit(nothing_cached)
    decoding.commit(9)
    decoding.computed = 4
    turns = {t.sequence.request.request_id: t.num_tokens for t in scheduler.turns()}
    assert turns == {"long": 10, "decoding": 1}


def test_older_prompt_goes_first_after_a_move() -> None:
    first = sequence_of("first")
    scheduler = scheduler_of(first, sequence_of("old", 60), sequence_of("young", 60))
    scheduler.admit(nothing_cached)
    scheduler.remove(first)
    assert ids([turn.sequence for turn in scheduler.turns()]) == ["old"]


def test_turn_samples_when_it_reaches_the_last_token() -> None:
    scheduler = scheduler_of(sequence_of("a", 11))
    (sequence,) = scheduler.admit(nothing_cached)
    (first,) = scheduler.turns()
    sampled = [first.samples]
    sequence.computed += first.num_tokens
    (second,) = scheduler.turns()
    assert [*sampled, second.samples] == [False, True]


def test_shared_prefix_holds_back_who_would_compute_it_again() -> None:
    scheduler = scheduler_of(
        sequence_of("builder", 9, prefix_tokens=4),
        sequence_of("sharer", 9, prefix_tokens=4),
        sequence_of("stranger", 9),
    )
    assert ids(scheduler.admit(nothing_cached)) == ["builder", "stranger"]
    assert ids(list(scheduler.waiting)) == ["sharer"]


def test_shared_prefix_lets_in_when_it_is_computed() -> None:
    scheduler = scheduler_of(
        sequence_of("builder", 9, prefix_tokens=4), sequence_of("sharer", 9, prefix_tokens=4)
    )
    (builder,) = scheduler.admit(nothing_cached)
    builder.computed = 4
    assert ids(scheduler.admit(lambda prefix: prefix == PREFIX)) == ["sharer"]


def test_expired_are_found_waiting_and_running() -> None:
    requests = [Request(str(n), (1,), deadline_s=float(n)) for n in range(5)]
    scheduler = scheduler_of(*(Sequence(request, 100) for request in requests))
    scheduler.admit(nothing_cached)
    assert sorted(ids(scheduler.expired(3.5))) == ["0", "1", "2", "3"]


def steps_of(scheduler: Scheduler, count: int) -> list[list[str]]:
    """Return who takes part in the next steps; nobody gets further."""
    return [ids([turn.sequence for turn in scheduler.turns()]) for _ in range(count)]


def milestone_rows(*num_tokens: int) -> tuple[Scheduler, list[Sequence]]:
    """Return rows that wait for the id 9, the first of which has written it."""
    sequences = [sequence_of(str(n), n, milestone_tokens=frozenset({9})) for n in num_tokens]
    scheduler = scheduler_of(*sequences)
    scheduler.admit(nothing_cached)
    sequences[0].commit(9)
    sequences[0].computed = num_tokens[0]
    return scheduler, sequences


def test_urgent_rows_go_ahead_for_some_steps() -> None:
    scheduler, _ = milestone_rows(3, 4)
    ahead = [["4"]] * LIMITS.urgent_steps
    assert steps_of(scheduler, len(ahead) + 2) == [*ahead, ["3", "4"], ["4"]]


def test_no_row_goes_ahead_once_all_are_past_their_milestone() -> None:
    scheduler, (_, urgent) = milestone_rows(3, 4)
    urgent.commit(8)
    assert steps_of(scheduler, 1) == [["4"]]
    urgent.commit(9)
    assert steps_of(scheduler, 2) == [["3", "4"]] * 2


def test_row_that_never_reaches_a_milestone_is_not_urgent_for_ever() -> None:
    _, (_, talker) = milestone_rows(3, 4)
    for written in range(URGENT_TOKENS):
        assert talker.is_urgent, written
        talker.commit(8)
    assert not talker.is_urgent


def test_of_many_urgent_rows_the_oldest_third_goes_ahead() -> None:
    scheduler = Scheduler(replace(LIMITS, rows=7, waiting=9))
    sequences = [sequence_of(name, 1, milestone_tokens=frozenset({9})) for name in "abcdefg"]
    for sequence in sequences:
        scheduler.add(sequence)
    scheduler.admit(nothing_cached)
    assert steps_of(scheduler, 1) == [["a", "b"]]
    sequences[0].commit(9)
    assert steps_of(scheduler, 1) == [["b", "c"]]
    scheduler.remove(sequences[1])  # the last row takes its slot, and stays the youngest
    assert steps_of(scheduler, 1) == [["c", "d"]]


def test_nobody_goes_ahead_where_a_small_step_is_no_shorter() -> None:
    scheduler, _ = milestone_rows(3, 4)
    for step in range(100):
        scheduler.pace.note(1 + step % 30, 0, 1 + step % 30, seconds=0.02)
    assert steps_of(scheduler, 2) == [["3", "4"]] * 2


def test_long_prompt_is_read_beside_the_others() -> None:
    scheduler, _ = milestone_rows(3, LIMITS.prefill_tokens + 1)
    assert steps_of(scheduler, 2) == [["3", "11"]] * 2


def test_rows_without_a_milestone_never_go_ahead() -> None:
    scheduler, _ = milestone_rows(3)
    scheduler.add(sequence_of("plain"))
    scheduler.admit(nothing_cached)
    assert steps_of(scheduler, 2) == [["3", "plain"]] * 2
