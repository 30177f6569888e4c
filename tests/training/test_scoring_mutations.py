"""The scorer itself is scored: planted faults of every kind are caught, in both languages."""

from collections.abc import Callable
from typing import Final

import pytest

from planner_node.training.scoring.answers import Answer, Subtask, plan
from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import rule_written
from planner_node.training.scoring.terms import AnswerKind, Language, Role
from planner_node.training.scoring.testset import load_test_set

PLANS: Final = [r for r in load_test_set() if r.kind is AnswerKind.PLAN]


def _titles(record: Record) -> list[str]:
    return [task.task for task in rule_written(record).tasks]


def _neighbour(record: Record) -> Record:
    same = [r for r in PLANS if r.language is record.language]
    return same[(same.index(record) + 7) % len(same)]


def _other_language(record: Record) -> Record:
    other = [r for r in PLANS if r.language is not record.language]
    return other[PLANS.index(record) % len(other)]


def _stranger(record: Record) -> str:
    return "紫晶燈塔" if record.language is Language.ZH else "amethyst beacon"


def _renamed(record: Record, role: Role) -> Answer | None:
    names = [e.names[0] for e in record.entities if e.role is role and not e.tool and e.required]
    titles = _titles(record)
    named = [name for name in names if any(name in title for title in titles)]
    if not named:
        return None
    return plan(*(title.replace(named[0], _stranger(record)) for title in titles))


def _swapped_names(record: Record) -> Answer | None:
    moved = [g.subject for g in record.goals if g.target]
    if len(moved) < 2 or len({g.target for g in record.goals}) < 2:
        return None
    first, second = (record.entity(thing).names[0] for thing in moved[:2])
    swap = [t.replace(first, "\0").replace(second, first) for t in _titles(record)]
    return plan(*(t.replace("\0", second) for t in swap))


def _invented(record: Record) -> Answer:
    extra = "拿起紫晶燈塔" if record.language is Language.ZH else "Pick up the amethyst beacon"
    titles = _titles(record)
    return plan(*titles[:1], extra, *titles[1:])


def _dropped(record: Record) -> Answer:
    titles = _titles(record)
    middle = PLANS.index(record) % len(titles)
    return plan(*titles[:middle], *titles[middle + 1 :])


def _swapped_steps(record: Record) -> Answer | None:
    titles = _titles(record)
    if len(titles) < 2:
        return None
    at = PLANS.index(record) % (len(titles) - 1)
    titles[at], titles[at + 1] = titles[at + 1], titles[at]
    return plan(*titles)


def _reversed(record: Record) -> Answer | None:
    titles = _titles(record)
    return plan(*reversed(titles)) if len(titles) > 1 else None


def _in_simplified(record: Record) -> Answer | None:
    pairs = str.maketrans("將開關檢邊會動電體", "将开关检边会动电体")
    titles = _titles(record)
    changed = [title.translate(pairs) for title in titles]
    fits = record.language is Language.ZH and changed != titles
    return (
        Answer(AnswerKind.PLAN, tuple(Subtask(t, c) for t, c in zip(titles, changed, strict=True)))
        if fits
        else None
    )


MUTATIONS: Final[dict[str, tuple[float, Callable[[Record], Answer | None]]]] = {
    "empty": (1.0, lambda _: plan()),
    "another item's plan": (1.0, lambda r: rule_written(_neighbour(r))),
    "wrong language": (1.0, lambda r: rule_written(_other_language(r))),
    "last step cut": (1.0, lambda r: plan(*_titles(r)[:-1])),
    "last step twice": (1.0, lambda r: plan(*_titles(r), _titles(r)[-1])),
    "invented step": (1.0, _invented),
    "object unseen": (1.0, lambda r: _renamed(r, Role.OBJECT)),
    "place unseen": (1.0, lambda r: _renamed(r, Role.PLACE)),
    "person unseen": (1.0, lambda r: _renamed(r, Role.PERSON)),
    "device unseen": (1.0, lambda r: _renamed(r, Role.DEVICE)),
    "no description": (1.0, lambda r: plan(*((t, "") for t in _titles(r)))),
    "simplified description": (1.0, _in_simplified),
    "declined": (1.0, lambda _: Answer(AnswerKind.DECLINE, text="不", code="UNSAFE")),
    "asked": (1.0, lambda _: Answer(AnswerKind.ASK, text="哪一個？")),
    "twice over": (0.85, lambda r: plan(*_titles(r), *_titles(r))),
    "reversed": (0.96, _reversed),
    "one step dropped": (0.90, _dropped),
    "neighbours swapped": (0.72, _swapped_steps),
    "names swapped": (1.0, _swapped_names),
}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("language", Language)
def test_planted_fault_is_caught(name: str, language: Language) -> None:
    least, mutate = MUTATIONS[name]
    records = [r for r in PLANS if r.language is language]
    spoilt = [(r, answer) for r in records if (answer := mutate(r)) is not None]
    passed = [r.record_id for r, answer in spoilt if judge(r, answer).success]
    assert len(passed) <= (1 - least) * len(spoilt)
