"""What is said after a plan, and the arguments that a robot's skills demand."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from planner_node.training.corpus import corrections, skills
from planner_node.training.corpus.conversation import Offer
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.planning import plan
from planner_node.training.corpus.plans.world import Name, Rel, Step, Verb
from planner_node.training.corpus.samples import Sample, sample
from planner_node.training.corpus.speech.wording import subtask
from planner_node.training.tokenizer import build, wrapped

MOVE = {
    "zh": Intent("move", (Name("書本"),), Name("側桌"), Rel.ON),
    "en": Intent("move", (Name("book"),), Name("table"), Rel.ON),
}


def reports(lang: str) -> Iterator[tuple[tuple[Step, ...], str]]:
    steps = plan([MOVE[lang]]).steps
    for seed in range(300):
        yield corrections.failed(Names(random.Random(seed), lang), steps)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_thing_that_could_not_be_picked_up_is_looked_for_again(lang: str) -> None:
    picked = [rest for rest, _ in reports(lang) if any(s.verb is Verb.PICK for s in rest)]
    assert picked
    assert {rest[0].verb for rest in picked} == {Verb.FIND}


@pytest.mark.parametrize(("lang", "title"), [("zh", "拿起書本"), ("en", "pick up the book")])
def test_a_failed_step_is_named_with_and_without_quotes(lang: str, title: str) -> None:
    told = [said.lower() for _, said in reports(lang) if title in said.lower()]
    quoted = [said for said in told if f"「{title}」" in said or f'"{title}"' in said]
    assert 0 < len(quoted) < len(told)


def test_complete_arguments_are_empty_where_a_step_has_none() -> None:
    find = plan([MOVE["en"]]).steps[0]
    assert subtask(find, "en")[0] == "Find the book"
    names = ("object", "location")
    assert skills.arguments(find, names, "en") == {"object": "book"}
    assert skills.arguments(find, names, "en", complete=True) == {"object": "book", "location": ""}


def demanding(made: Sample) -> list[str]:
    """The arguments that the sample's tool demands of each step."""
    for tool in made.tools:
        found: Any = tool
        for key in ("function", "parameters", "properties", "tasks", "items", "properties"):
            found = found.get(key, {})
        if "arguments" in found:
            return list(found["arguments"].get("required", []))
    return []


def test_demanded_arguments_are_written_in_every_step() -> None:
    demanded = [(s, names) for s in map(sample, [5] * 2000, range(2000)) if (names := demanding(s))]
    plans = [(s, names) for s, names in demanded if "decompose_task" in s.answer]
    assert len(plans) > 20
    for made, names in plans:
        for task in json.loads(made.answer)["parameters"]["tasks"]:
            assert list(task["arguments"]) == names


def test_the_prompt_marks_demanded_arguments() -> None:
    tokenizer = wrapped(build(3, samples=100, characters=60, words=40))
    free = Offer(plans=True, keys=("task", "arguments"), arguments=("item", "to"))
    asked = [{"role": "user", "content": "x"}]
    shown = [
        str(tokenizer.apply_chat_template(asked, tools=list(offer.tools()), tokenize=False))
        for offer in (free, replace(free, complete=True))
    ]
    assert "arguments{item to}" in shown[0]
    assert "arguments{item! to!}" in shown[1]
