"""A row beside an earlier output: what it expects, where it parts, and how it comes back."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_node.engine.follower import (
    BEHIND,
    EXCHANGED,
    FOREIGN,
    MOST_ALIKE,
    MOST_NAMES,
    SAME,
    WIDEST_GAP,
    Follower,
)
from planner_node.engine.plan_log import PlanLog

FIND, THE, TAKE, GO, TO, STOP = range(1, 7)
BOOK, RED, CUP, DESK, BED = range(20, 25)
EARLIER = [FIND, THE, BOOK, STOP, TAKE, THE, BOOK, STOP, GO, TO, DESK, STOP]


def beside(*outputs: Sequence[int]) -> Follower:
    log = PlanLog(1_000)
    for output in outputs:
        log.learn(output, 0, 0)
    return Follower(log, log.latest)


def walked(follower: Follower, *token_ids: int) -> Follower:
    for token_id in token_ids:
        follower.step(token_id)
    return follower


def ahead(follower: Follower, number: int = 20) -> list[int]:
    """What is expected, as long as it comes so."""
    guessing = follower.fork()
    found: list[int] = []
    while len(found) < number and (token_id := guessing.expected()) is not None:
        guessing.step(token_id)
        found.append(token_id)
    return found


def test_all_of_the_earlier_output_is_expected_and_nothing_behind_it() -> None:
    assert ahead(beside([9, 9], EARLIER)) == EARLIER


def test_without_an_earlier_output_nothing_is_expected() -> None:
    assert Follower(PlanLog(9)).expected() is None
    assert Follower(PlanLog(9)).is_lost


def test_the_rows_name_is_expected_where_the_other_has_its_own() -> None:
    follower = walked(beside(EARLIER), FIND, THE, RED, CUP, STOP)
    assert ahead(follower) == [TAKE, THE, RED, CUP, STOP, GO, TO, DESK, STOP]


def test_nothing_is_expected_within_another_name() -> None:
    follower = walked(beside(EARLIER), FIND, THE, RED)
    assert follower.is_lost
    assert follower.expected() is None
    assert not walked(follower, CUP, STOP).is_lost


def test_a_name_that_shares_its_end_is_exchanged_up_to_there() -> None:
    follower = walked(beside([FIND, BOOK, CUP, STOP, TAKE, BOOK, CUP, STOP]), FIND, RED, CUP)
    assert ahead(follower) == [STOP, TAKE, RED, CUP, STOP]


def test_the_longer_name_counts_where_one_begins_with_another() -> None:
    other = [FIND, BOOK, STOP, FIND, BOOK, CUP, STOP, TAKE, BOOK, CUP, STOP, TAKE, BOOK, STOP]
    follower = walked(beside(other), FIND, DESK, STOP, FIND, BED, STOP)
    assert ahead(follower) == [TAKE, BED, STOP, TAKE, DESK, STOP]


def test_what_the_row_leaves_out_or_puts_in_is_no_name() -> None:
    left_out = walked(beside([FIND, RED, CUP, STOP, TAKE, RED, CUP, STOP]), FIND, CUP, STOP)
    assert ahead(left_out) == [TAKE, RED, CUP, STOP]
    put_in = walked(beside([FIND, CUP, STOP, TAKE, CUP, STOP]), FIND, RED, CUP, STOP)
    assert ahead(put_in) == [TAKE, CUP, STOP]


def test_a_row_that_does_not_come_back_is_not_followed_any_more() -> None:
    follower = walked(beside(EARLIER), *range(100, 102 + WIDEST_GAP), *EARLIER)
    assert follower.is_lost


def test_a_row_that_parts_inside_its_own_name_goes_on_behind_the_others() -> None:
    follower = walked(beside(EARLIER), FIND, THE, RED, CUP, STOP, TAKE, THE, RED, STOP)
    assert ahead(follower) == [GO, TO, DESK, STOP]


ASKED = [BOOK, TO, DESK]  # what the earlier plan was asked


def beside_asked(*words: int) -> Follower:
    """Beside the earlier plan, whose parts end with STOP, in a row that was asked with words."""
    log = PlanLog(1_000)
    log.learn([*ASKED, *EARLIER], 0, len(ASKED), frozenset([STOP]))
    return Follower(log, len(ASKED), frozenset(words))


def test_the_two_prompts_tell_names_before_anything_is_written() -> None:
    follower = beside_asked(RED, CUP, TO, BED)
    follower.start(0, [RED, CUP, TO, DESK])
    assert ahead(follower) == [
        *(FIND, THE, RED, CUP, STOP, TAKE, THE, RED, CUP, STOP),
        *EARLIER[8:],
    ]
    assert follower.run == 0


def test_parts_before_tell_the_names_of_the_part_that_is_gone_to() -> None:
    follower = beside_asked(RED, CUP, TO, BED)
    take = len(ASKED) + EARLIER.index(TAKE)
    follower.go_to_part(take, [TAKE], [(FIND, THE, RED, CUP, STOP)])
    assert ahead(follower) == [THE, RED, CUP, STOP, GO, TO, DESK, STOP]
    assert (follower.run, follower.hits) == (0, 1)


def test_a_name_that_comes_as_exchanged_is_no_reason_to_part() -> None:
    follower = walked(beside(EARLIER), FIND, THE, RED, CUP, STOP)
    assert walked(follower, TAKE, THE, RED, CUP, STOP).run == 5


def test_kinds_of_guesses_are_told_apart() -> None:
    follower = beside_asked(RED, CUP, TO, BED)
    found = []
    for token_id in (FIND, THE, RED, CUP, STOP, TAKE, THE, RED, CUP, STOP):
        found.append(follower.guess())
        follower.step(token_id)
    first, again = found[:5], found[5:]
    behind = (STOP, BEHIND)
    assert first == [(FIND, SAME), (THE, SAME), (BOOK, FOREIGN), behind, behind]
    assert again == [(TAKE, SAME), (THE, SAME), (RED, EXCHANGED), (CUP, EXCHANGED), (STOP, SAME)]


def test_a_word_that_both_were_asked_with_is_not_foreign() -> None:
    follower = walked(beside_asked(BOOK, TO, BED), FIND, THE)
    assert follower.guess() == (BOOK, SAME)


def test_what_the_other_did_not_copy_is_no_name() -> None:
    follower = walked(beside_asked(RED, TO, BED), FIND, RED)
    assert follower.guess() is None
    assert not follower.is_within_name


def test_the_run_tells_how_long_all_came_as_expected() -> None:
    follower = walked(beside(EARLIER), FIND, THE)
    assert follower.run == 2
    assert walked(follower, RED).run == 0
    assert walked(follower, STOP, TAKE).run == 1


def test_the_end_of_the_other_is_not_the_beginning_of_the_next() -> None:
    log = PlanLog(1_000)
    log.learn([FIND, BOOK], 0, 0)
    begin = log.latest
    log.learn([TAKE, CUP, STOP], 0, 0)
    follower = walked(Follower(log, begin), FIND, BOOK)
    assert follower.is_lost
    assert walked(follower, CUP).expected() is None


def test_names_are_bounded() -> None:
    other = [one for n in range(1_000) for one in (FIND, 1_000 + n % 40, n, STOP)]
    row = [one for n in range(1_000) for one in (FIND, 5_000 + n, STOP)]
    follower = walked(beside(other), *row)
    assert len(follower._swaps) <= MOST_NAMES
    assert max(map(len, follower._swaps.values())) <= MOST_ALIKE


def test_a_fork_goes_its_own_way() -> None:
    follower = walked(beside(EARLIER), FIND, THE, RED)
    walked(follower.fork(), CUP, STOP, TAKE)
    assert follower.expected() is None
    assert ahead(walked(follower, CUP, STOP))[:4] == [TAKE, THE, RED, CUP]


@pytest.mark.parametrize("place", [-9, 0, 3, 11, 12, 99])
@given(row=st.lists(st.integers(1, 6), min_size=10, max_size=60))
def test_no_row_leads_anywhere_but_to_an_id_or_to_none(place: int, row: list[int]) -> None:
    log = PlanLog(1_000)
    for output in ([1, 2, 3, 1, 2, 4], [5, 1, 2, 3, 6]):
        log.learn(output, 0, 2, frozenset([3]))
    follower = Follower(log, log.latest, frozenset(row[:3]))
    follower.go_to_part(place, row[:4], [tuple(row[4:7]), tuple(row[7:10])])
    for token_id in row:
        guess = follower.guess()
        assert guess is None or guess[0] in range(1, 7)
        follower.step(token_id)
