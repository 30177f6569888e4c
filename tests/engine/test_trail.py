"""Which earlier plan a row follows, and where it goes over to another."""

from collections.abc import Sequence

from planner_node.engine.plan_log import PlanLog
from planner_node.engine.request import Request
from planner_node.engine.trail import LONGEST_PART, LONGEST_PROMPT, Trail

PUT, ON, BRING, TO, FIND, TAKE, GO, GIVE, STOP = range(1, 10)
BOOK, CUP, DESK, BED, EVE, MUG, RACK = range(20, 27)
ASKED = 30  # ends every prompt
ENDS = frozenset([STOP])
ON_DESK = [*(TAKE, BOOK, STOP), *(GO, DESK, STOP), *(PUT, BOOK, ON, DESK, STOP)]
TO_EVE = [*(FIND, CUP, STOP), *(GO, EVE, STOP), *(GIVE, CUP, TO, EVE, STOP)]


def log_of(*rows: tuple[Sequence[int], Sequence[int]]) -> PlanLog:
    log = PlanLog(10_000)
    for asked, output in rows:
        log.learn([*asked, ASKED, *output], 0, len(asked) + 1, ENDS)
    return log


def shipped() -> PlanLog:
    return log_of(([PUT, BOOK, ON, DESK], ON_DESK), ([BRING, CUP, TO, EVE], TO_EVE))


def trail_of(log: PlanLog, asked: Sequence[int], *written: int) -> Trail:
    trail = Trail(Request("row", (*asked, ASKED), 0, 99, milestone_tokens=ENDS), log)
    for token_id in written:
        trail.step(token_id)
    return trail


def ahead(trail: Trail, number: int) -> list[int]:
    guessing = trail.fork()
    found: list[int] = []
    while len(found) < number and (guess := guessing.guess()) is not None:
        guessing.step(guess[0])
        found.append(guess[0])
    return found


def test_the_plan_of_the_prompt_most_alike_is_followed_with_names_exchanged() -> None:
    trail = trail_of(shipped(), [PUT, MUG, ON, DESK])
    assert ahead(trail, 4) == [TAKE, MUG, STOP, GO]
    trail = trail_of(shipped(), [BRING, MUG, TO, EVE])
    assert ahead(trail, 4) == [FIND, MUG, STOP, GO]


def test_without_a_prompt_alike_the_latest_plan_is_followed() -> None:
    assert ahead(trail_of(shipped(), [RACK]), 1) == [FIND]


def test_without_a_plan_nothing_is_expected() -> None:
    trail = trail_of(PlanLog(9), [PUT, MUG], TAKE, MUG, STOP)
    assert trail.guess() is None


def test_a_part_goes_on_as_the_latest_that_begins_alike_with_names_of_parts_before() -> None:
    written = (FIND, MUG, STOP, GO, RACK, STOP, PUT)  # only the other plan has PUT
    trail = trail_of(shipped(), [BRING, MUG, TO, RACK], *written)
    assert ahead(trail, 4)[1:] == [ON, RACK, STOP]


def test_before_a_part_begins_what_came_after_the_last_one_is_expected() -> None:
    log = log_of(([PUT, BOOK, ON, DESK], ON_DESK), ([GO, BED], [GO, BED, STOP]))
    trail = trail_of(log, [GO, RACK], GO, RACK, STOP, TAKE, MUG, STOP)  # GO's plan is at its end
    assert ahead(trail, 1) == [GO]


def test_a_fork_leaves_the_trail_where_it_is() -> None:
    trail = trail_of(shipped(), [PUT, MUG, ON, DESK])
    assert ahead(trail, 9) == ahead(trail, 9)


def test_a_row_that_writes_a_name_stays_with_its_part() -> None:
    log = log_of(([PUT, BOOK, ON, DESK], ON_DESK), ([PUT, RACK, ON, BED], [TAKE, MUG, RACK, STOP]))
    trail = trail_of(log, [CUP, EVE, ON, DESK], TAKE, CUP)  # the prompts tell no name
    assert trail.is_within_name
    assert ahead(trail_of(log, [CUP, EVE, ON, DESK], TAKE, CUP, EVE, STOP), 2) == [GO, DESK]


def test_a_part_that_does_not_end_is_not_compared_for_ever() -> None:
    trail = trail_of(shipped(), [PUT, MUG, ON, DESK], *range(100, 100 + 2 * LONGEST_PART))
    assert len(trail._part) == LONGEST_PART
    assert trail.guess() is None
    trail.step(STOP)
    assert trail._part == ()
    for token_id in (GO, RACK):
        trail.step(token_id)
    assert ahead(trail, 1) == [STOP]


def test_of_a_long_prompt_the_end_is_compared() -> None:
    filler = list(range(1_000, 1_000 + LONGEST_PROMPT))
    log = log_of(([PUT, BOOK, ON, DESK, *filler], ON_DESK), ([BRING, CUP, TO, EVE], TO_EVE))
    asked_first, asked_last = [PUT, BOOK, ON, DESK, *filler[::-1]], [*filler, PUT, MUG, ON, DESK]
    assert ahead(trail_of(log, asked_first), 1) == [FIND]  # as the latest, nothing else is alike
    assert ahead(trail_of(log, asked_last), 1) == [TAKE]
