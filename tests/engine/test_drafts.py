"""Guessed tokens: the same text in fewer forwards, and nothing is left of a wrong guess."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, pairwise

import pytest

from planner_node.engine.drafts import FREE_MISSES, LONGEST_PAUSE, Drafter, Lookup
from planner_node.engine.follower import FOREIGN
from planner_node.engine.plan_log import PlanLog
from planner_node.engine.request import Finish, Request, Sampling
from planner_node.engine.scheduler import Turn
from planner_node.engine.sequence import Draft, Sequence
from tests.engine.conftest import LIMITS, MakeEngine
from tests.fakes.engine import (
    ListedConstraint,
    constraint_of,
    prompt_of,
    run_together,
    tokens_of,
)

NO_DRAFTS = replace(LIMITS, draft_tokens=0)


def repeated(name: str, num_tokens: int = 40) -> list[Request]:
    """Return requests that a second round of can be guessed from the first."""
    plain = [Request(f"{name}-{n}", prompt_of(n, 9), 4, num_tokens) for n in range(2)]
    shaped = [
        Request(f"{name}-shaped-{n}", prompt_of(n, 9), 4, 99, constraint=constraint_of(n))
        for n in range(2)
    ]
    return plain + shaped


def test_drafts_change_no_token_and_save_forwards(make_engine: MakeEngine) -> None:
    drafting, plain = make_engine(LIMITS), make_engine(NO_DRAFTS)
    for name in ("first", "second"):
        requests = repeated(name)
        outcomes = run_together(drafting, requests)
        assert tokens_of(outcomes) == tokens_of(run_together(plain, repeated(name)))
    assert outcomes["second-0"].usage.accepted_tokens > 20
    assert drafting.stats().accepted_tokens > 40
    assert drafting.stats().forward_passes < 0.75 * plain.stats().forward_passes


FIND, THE, TAKE, STOP, CLOSE = range(1, 6)
BOOK, RED, CUP = range(20, 23)
PUT, HERE, ASKED = range(10, 13)


def asked(name: str, *thing: int, milestones: Iterable[int] = ()) -> Sequence:
    """A row that is asked to put a thing here, behind a prefix of two."""
    prompt = (5, 6, PUT, *thing, HERE, ASKED)
    return Sequence(Request(name, prompt, 2, 60, milestone_tokens=frozenset(milestones)), 99)


def planned(*thing: int) -> list[int]:
    return [FIND, THE, *thing, CLOSE, TAKE, THE, *thing, CLOSE, STOP]


def drafter_that_saw(*thing: int) -> Drafter:
    """A drafter behind one row that was asked for a thing; it trusts what it follows."""
    drafter, row = Drafter(64), asked("earlier", *thing)
    for odds in chain.from_iterable(drafter._plan_odds):
        odds.chance = 1.0
    drafter.draft([Turn(row, 1, samples=True)])
    row.tokens += planned(*thing)
    drafter.forget(row)
    return drafter


def draft_of(drafter: Drafter, *rows: Sequence) -> list[list[int]]:
    drafter.draft([Turn(row, 1, samples=True) for row in rows])
    return [row.draft.token_ids for row in rows]


def test_a_whole_plan_is_guessed_from_another_thing_that_was_asked_for() -> None:
    assert draft_of(drafter_that_saw(BOOK), asked("row", RED, CUP)) == [planned(RED, CUP)]


def test_a_name_that_the_plan_tells_otherwise_is_exchanged_from_there_on() -> None:
    row = asked("row", RED, CUP)
    row.tokens += [FIND, THE, 30, 31, CLOSE]
    assert draft_of(drafter_that_saw(BOOK), row) == [[TAKE, THE, 30, 31, CLOSE, STOP]]


def test_a_draft_ends_with_what_a_row_is_waited_for() -> None:
    row = asked("row", CUP, milestones=[CLOSE])
    assert draft_of(drafter_that_saw(BOOK), row) == [[FIND, THE, CUP, CLOSE]]


def test_urgent_rows_share_the_budget_before_all_others() -> None:
    drafter = drafter_that_saw(*range(30, 60))
    drafter._budget_tokens = 12
    urgent = [asked(f"u{n}", *range(30, 60), milestones=[CLOSE]) for n in (1, 2)]
    others = [asked(f"o{n}", *range(30, 60)) for n in range(4)]
    sizes = [len(one) for one in draft_of(drafter, *others, *urgent)]
    assert sizes == [0, 0, 0, 0, 6, 6]


@pytest.mark.parametrize(
    ("num_rows", "recorded_tokens", "num_tokens", "longest"),
    [(1, 0, 1, 31), (1, 99, 1, 15), (1, 99, 16, 31), (4, 0, 1, 15), (4, 0, 16, 31)],
)
def test_long_drafts_are_for_rows_alone_or_with_long_runs(
    num_rows: int, recorded_tokens: int, num_tokens: int, longest: int
) -> None:
    drafter = drafter_that_saw(*range(30, 70))
    drafter._budget_tokens, drafter._recorded_tokens = 999, recorded_tokens
    rows = [asked(f"row-{n}", *range(30, 70)) for n in range(num_rows)]
    drafter.draft([Turn(row, num_tokens, samples=True) for row in rows])
    assert {len(row.draft.token_ids) for row in rows} == {longest}


@pytest.mark.parametrize(("num_tokens", "drafted"), [(4, 12), (7, 0), (8, 20)])
def test_drafts_keep_a_step_a_recording_where_it_can_be_one(num_tokens: int, drafted: int) -> None:
    drafter = drafter_that_saw(*range(30, 70))
    drafter._budget_tokens, drafter._recorded_tokens = 20, 28
    rows = [asked(f"row-{n}", *range(30, 70)) for n in range(4)]
    drafter.draft([Turn(row, num_tokens, samples=True) for row in rows])
    assert sum(len(row.draft.token_ids) for row in rows) == drafted


def test_a_name_is_not_taken_from_another_instruction() -> None:
    drafter = drafter_that_saw(BOOK)
    for odds in (*drafter._plan_odds[FOREIGN], *drafter._foreign_odds):
        odds.chance = 0.05
    row = Sequence(Request("row", (5, 6, 99, 98, 97), 2, 60), 99)  # it is asked nothing alike
    assert draft_of(drafter, row) == [[FIND, THE]]


def test_a_guess_that_cannot_stand_makes_room_for_the_next_likely_one() -> None:
    drafter = drafter_that_saw(BOOK)
    constraint = ListedConstraint(frozenset({HERE}))  # FIND is what is followed
    row = Sequence(Request("row", (5, 6, PUT, CUP, HERE, PUT), 2, 60, constraint=constraint), 99)
    row.tokens[-1:] = [CUP]  # behind which came HERE
    assert draft_of(drafter, row) == [[HERE]]


def test_drafts_are_within_the_budget(make_engine: MakeEngine) -> None:
    engine = make_engine(replace(LIMITS, draft_tokens=4))
    run_together(engine, repeated("first"))
    before = engine.stats()
    for request in repeated("second"):
        engine.add(request)
    while not engine.idle:
        engine.step()
        after = engine.stats()
        assert after.drafted_tokens - before.drafted_tokens <= 4
        before = after
    assert before.accepted_tokens > 0


def test_drawn_rows_are_not_guessed(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for name in ("a", "b"):
        run_together(engine, [replace(r, sampling=Sampling(1.0)) for r in repeated(name)])
    assert engine.stats().drafted_tokens == 0


@pytest.mark.parametrize("max_new_tokens", [1, 2, 7, 23])
def test_limit_holds_within_a_draft(make_engine: MakeEngine, max_new_tokens: int) -> None:
    engine = make_engine()
    run_together(engine, repeated("first"))
    whole = run_together(make_engine(NO_DRAFTS), repeated("x"))["x-0"].token_ids
    request = Request("cut", prompt_of(0, 9), 4, max_new_tokens)
    outcome = run_together(engine, [request])["cut"]
    assert outcome.token_ids == whole[:max_new_tokens]
    assert outcome.finished is Finish.LENGTH


def test_stop_token_ends_a_guessed_row(make_engine: MakeEngine) -> None:
    engine = make_engine()
    [*_, whole] = [
        run_together(engine, [Request(f"{n}", prompt_of(3, 9), 4, 40)])[f"{n}"] for n in range(3)
    ]
    stop = whole.token_ids[20]
    request = Request("stopped", prompt_of(3, 9), 4, 40, stop_tokens=frozenset({stop}))
    outcome = run_together(engine, [request])["stopped"]
    assert outcome.token_ids == whole.token_ids[: whole.token_ids.index(stop)]
    assert outcome.finished is Finish.STOPPED


def test_full_context_ends_a_guessed_row(make_engine: MakeEngine) -> None:
    engine = make_engine(context_tokens=30)
    first, second = (
        run_together(engine, [Request(name, prompt_of(0, 9), 4, 99)])[name] for name in "ab"
    )
    assert second.token_ids == first.token_ids
    assert len(second.token_ids) == 21


def sequence_with(constraint: ListedConstraint | None, max_new_tokens: int = 9) -> Sequence:
    request = Request("a", (5, 6, 7), 0, max_new_tokens, constraint=constraint)
    return Sequence(request, 99)


def test_guess_takes_along_what_is_dictated_after_it() -> None:
    sequence = sequence_with(ListedConstraint(frozenset({10, 11}), (30, 31), frozenset({40})))
    assert sequence.guess(10) == [10, 30, 31]
    assert sequence.draft == Draft([10, 30, 31], [False, True, True])


def test_guess_that_is_not_allowed_is_not_put_on() -> None:
    assert sequence_with(ListedConstraint(frozenset({10}))).guess(12) == []


def test_guess_without_room_for_what_is_dictated_after_it_is_taken_back() -> None:
    constraint = ListedConstraint(frozenset({10}), (30, 31))
    sequence = sequence_with(constraint, max_new_tokens=2)
    assert sequence.guess(10) == []
    assert constraint.legal(10)


def test_wrong_guess_is_taken_back_from_the_constraint() -> None:
    constraint = ListedConstraint(frozenset({10, 11}), (30,), frozenset({40, 41}), frozenset({50}))
    sequence = sequence_with(constraint)
    sequence.guess(10)
    sequence.guess(40)
    assert sequence.settle_draft([10, 99, 41, 50]) == 2
    assert constraint.legal(41)
    assert sequence.take_draft(sequence.draft, 2) == [10, 30]
    assert sequence.tokens == [5, 6, 7, 10, 30]
    assert (sequence.accepted_tokens, sequence.forced_tokens) == (1, 1)


def test_row_whose_guesses_fail_pauses_and_comes_back() -> None:
    drafter = Drafter(16)
    sequence = sequence_with(None, max_new_tokens=90)
    sequence.tokens += [8, 5, 6, 7]  # after 7 came 8
    turn = Turn(sequence, 1, samples=True)
    tries = []
    for step in range(3 * LONGEST_PAUSE):
        if drafter.draft([turn]):
            tries.append(step)
            drafter.note(sequence, sequence.draft, 0)
            sequence.draft = Draft()
            for odds in drafter._own_odds:  # else the kind as a whole is given up
                odds.chance = 0.75
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits[:6] == [1] * (FREE_MISSES - 1) + [1, 2, 4, 8]
    assert max(waits) == LONGEST_PAUSE


def test_kind_of_guess_that_never_comes_true_is_given_up() -> None:
    drafter = Drafter(16)
    sequence = sequence_with(None, max_new_tokens=90)
    sequence.tokens += [8, 5, 6, 7]
    turn = Turn(sequence, 1, samples=True)
    guesses = 0
    for _ in range(100):
        lookup = drafter._lookup(sequence)
        lookup.pause = 0
        if drafter.draft([turn]):
            guesses += 1
            drafter.note(sequence, sequence.draft, 0)
            sequence.draft = Draft()
    assert 0 < guesses < 100
    for _ in range(2_000):
        assert not sequence.draft.token_ids
        drafter.draft([turn])
        if sequence.draft.token_ids:
            return
    raise AssertionError("it is never tried again")


@pytest.mark.parametrize(("num_rows", "is_guessed"), [(1, True), (8, False)])
def test_a_long_shot_is_tried_beside_few_rows_only(num_rows: int, *, is_guessed: bool) -> None:
    drafter = Drafter(128)
    rows = [Sequence(Request(str(n), (5, 6, 7), 0, 9), 99) for n in range(num_rows)]
    for sequence in rows:
        sequence.tokens += [8, 5, 6, 7]
    for odds in drafter._own_odds:
        odds.chance = 0.2
    drafted = drafter.draft([Turn(sequence, 1, samples=True) for sequence in rows])
    assert bool(drafted) is is_guessed


def test_nothing_is_kept_of_a_row_that_ended(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for n in range(20):
        run_together(engine, [Request(str(n), prompt_of(n, 9), 4, 5)])
    drafter = engine._drafter
    assert drafter._lookups == {}
    assert len(drafter._shared) <= 8
    assert all(isinstance(table, PlanLog) for table in drafter._shared.values())


def test_own_table_begins_after_the_shared_prefix() -> None:
    lookup = Lookup(Sequence(Request("a", (5, 6, 7), 2), 99), PlanLog(9))
    assert lookup.num_learned == 2
