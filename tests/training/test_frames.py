"""Sentences written whole: every line can be drawn, is executable and says what it plans."""

import random

import pytest

from planner_node.training.corpus import corrections
from planner_node.training.corpus.families import frames
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.planning import plan
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.heldout import LANGUAGES, fits, told

LINES = [
    (lang, line)
    for lang in LANGUAGES
    for section in sections(lang, "frames")
    for line in sections(lang, "frames")[section]
]
UNSAID = {"使用者", "user", "充電站", "charging station"}


def drawn(lang: str, line: str, seed: int) -> tuple[list[Intent], str]:
    rng = random.Random(f"{line}{seed}")
    intents = frames.draw(line, Names(rng, lang))
    return intents, Speaker(rng, lang).instruction(intents)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_line_gives_a_plan_that_reaches_its_goal(lang: str) -> None:
    for line in (line for spoken, line in LINES if spoken == lang):
        intents, _ = drawn(lang, line, 1)
        assert plan(intents).reached(), line


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_name_of_a_plan_stands_in_the_sentence(lang: str) -> None:
    for line in (line for spoken, line in LINES if spoken == lang):
        intents, said = drawn(lang, line, 2)
        names = [n for s in plan(intents).steps for n in (*s.things, s.place) if n is not None]
        heard = said + said.replace("桌上", "桌子上")  # the one name that people shorten
        assert not [n.text for n in names if n.text not in heard and n.text not in UNSAID], line


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_scorer_accepts_nearly_all_plans_that_have_goals(lang: str) -> None:
    rows = []
    for line in (line for spoken, line in LINES if spoken == lang):
        intents, said = drawn(lang, line, 3)
        made = plan(intents)
        row = told(intents, made, lang)
        if row is not None:
            rows.append(fits(row | {"id": "x", "say": said}, made, lang))
    assert sum(rows) > 0.9 * len(rows) > 50


def test_a_condition_stands_in_the_description_of_its_steps_alone() -> None:
    line = "if {t} is full, take {o} to {r} => inspect /t; move o @r ?{t}_is_full"
    intents = frames.draw(line, Names(random.Random(1), "en"))
    conditional = [bool(step.when) for step in plan(intents).steps]
    assert conditional == [False, False, True, True, True, True]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_corrected_plan_is_about_what_was_meant(lang: str) -> None:
    for seed in range(60):
        names = Names(random.Random(f"corrected{seed}"), lang)
        meant, said = corrections.corrected(names, first := corrections.request(names))
        changed = {*meant.things, *meant.places, meant.place, meant.person} - {
            *(*first.things, *first.places, first.place, first.person)
        }
        assert changed
        assert all(name is not None and name.text in said for name in changed)
