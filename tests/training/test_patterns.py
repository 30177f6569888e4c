"""The pattern language of the phrase lists, and the lists themselves."""

import random
import re

import pytest

from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.corpus.plans.planning import EXPANSIONS
from planner_node.training.corpus.plans.world import Verb
from planner_node.training.corpus.speech.clauses import clause_patterns
from planner_node.training.corpus.speech.patterns import expand, fill


def drawn(pattern: str) -> set[str]:
    return {expand(pattern, random.Random(seed)) for seed in range(60)}


def test_choice_gives_each_option() -> None:
    assert drawn("(put|place) {o}") == {"put {o}", "place {o}"}


def test_nested_choice_gives_each_option() -> None:
    assert drawn("a(b(c|d)|e)") == {"abc", "abd", "ae"}


def test_optional_part_comes_and_goes() -> None:
    assert drawn("please( now)?") == {"please", "please now"}


def test_unbalanced_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        expand("(put|place", random.Random(0))


def test_filled_text_is_not_read_again() -> None:
    assert fill("put {o} {d}", {"o": "{d}", "d": "here"}) == "put {d} here"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_verb_has_a_title_and_a_description(lang: str) -> None:
    table = sections(lang, "steps")
    written = {verb.value for verb in Verb} - {"ACT"}
    assert written <= set(table)
    assert all(len(lines) == 2 for lines in table.values())


@pytest.mark.parametrize("file", ["clauses", "replies", "wrappers"])
def test_both_languages_say_the_same_things(file: str) -> None:
    zh, en = (set(sections(lang, file)) for lang in ("zh", "en"))
    assert zh ^ en <= {"move.cargo"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_pattern_is_balanced(lang: str) -> None:
    rng = random.Random(0)
    for lines in clause_patterns(lang).values():
        for line in lines:
            assert "(" not in expand(line.lstrip("!"), rng)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_spread_has_its_four_fields_and_both_kinds_of_target(lang: str) -> None:
    table = sections(lang, "spreads")
    for section in ("said", "bare", "raw"):
        for line in table[section]:
            lead, rest, *joints = line.split(" ~ ")
            assert len(joints) == 2
            for field in (lead, rest):
                to_place, to_person = field.split(" / ")
                assert "{p}" not in expand(to_place, random.Random(0))
                assert "{p}" in expand(to_person, random.Random(0))


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_joint_tells_each_clause_once(lang: str, count: int) -> None:
    for line in sections(lang, "joins")[str(count)]:
        told = sorted(re.findall(r"\{([a-e])(?:_(?:ing|done))?\}", line))
        assert set(told) == set("abcde"[:count])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_lists_are_long_enough_to_matter(lang: str) -> None:
    listed = [name for header in sections(lang, "things") for name in words(lang, "things", header)]
    assert len(set(listed)) > 300


def test_intents_are_said_or_have_parts() -> None:
    said = set(sections("en", "clauses"))
    spoken_otherwise = {"collect", "share", "spread"}
    written_whole = {kind for kind in EXPANSIONS if kind.endswith(".with")} | {"until", "report"}
    assert set(EXPANSIONS) - said <= spoken_otherwise | written_whole
