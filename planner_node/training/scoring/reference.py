"""Answers made without a model: the rule-written plan and the baselines beside every score.

The rule-written plan is made from the record's goals, not from its words: it shows what a perfect
reader would get, and that each record can be satisfied at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.scoring.allowances import USER
from planner_node.training.scoring.answers import Answer, Subtask, plan
from planner_node.training.scoring.records import ALL, EventPattern, Goal, Record
from planner_node.training.scoring.terms import (
    STATES,
    AnswerKind,
    GoalKind,
    Language,
    Role,
    Verb,
)

_WORDS: Final[dict[Language, dict[str, str]]] = {
    Language.ZH: {
        "FIND": "找到{0}",
        "GO": "走到{0}",
        "PICK": "拿起{n}{0}",
        "PLACE": "將{n}{0}放在{1}",
        "GIVE": "將{n}{0}交給{1}",
        "OPEN": "打開{0}",
        "CLOSE": "關上{0}",
        "ON": "啟動{0}",
        "OFF": "關掉{0}",
        "CLEAN": "清潔{0}",
        "SLICE": "將{0}切片",
        "HEAT": "加熱{0}",
        "COOL": "冷卻{0}",
        "FILL": "將{0}裝滿",
        "CHECK": "檢查{0}",
        "REPORT": "回報結果",
        "WAIT": "等待",
        "CHARGE": "開始充電",
        "FOLLOW": "跟隨{0}",
        "GUIDE": "帶領{0}前往{1}",
        "IF": "確認{0}是否符合條件",
    },
    Language.EN: {
        "FIND": "Find the {0}",
        "GO": "Go to the {0}",
        "PICK": "Pick up {n}{0}",
        "PLACE": "Put {n}{0} on the {1}",
        "GIVE": "Give {n}{0} to {1}",
        "OPEN": "Open the {0}",
        "CLOSE": "Close the {0}",
        "ON": "Turn on the {0}",
        "OFF": "Turn off the {0}",
        "CLEAN": "Clean the {0}",
        "SLICE": "Slice the {0}",
        "HEAT": "Heat the {0}",
        "COOL": "Cool the {0}",
        "FILL": "Fill the {0}",
        "CHECK": "Check the {0}",
        "REPORT": "Report the result",
        "WAIT": "Wait",
        "CHARGE": "Charge the battery",
        "FOLLOW": "Follow {0}",
        "GUIDE": "Guide {0} to the {1}",
        "IF": "Check whether the {0} meets the condition",
    },
}
_COUNTS: Final = {
    Language.ZH: {1: "", 2: "兩個", 3: "三個", 4: "四個", 5: "五個", ALL: "所有"},
    Language.EN: {1: "the ", 2: "two ", 3: "three ", 4: "four ", 5: "five ", ALL: "all the "},
}
_CONSTANT: Final = {
    Language.ZH: ("找到目標物品", "拿起物品", "走到目的地", "放下物品"),
    Language.EN: ("Find the item", "Pick up the item", "Go to the destination", "Put it down"),
}
_QUESTIONS: Final = {Language.ZH: "請問您指的是哪一個？", Language.EN: "Which one do you mean?"}
_REFUSALS: Final = {
    Language.ZH: "抱歉，我無法執行這個要求。",
    Language.EN: "Sorry, I cannot do that.",
}


@dataclass(slots=True)
class _Writer:
    """Writes steps for goals, in the goals' order."""

    record: Record
    words: Mapping[str, str]
    titles: list[str] = field(default_factory=list)
    near: str = ""
    told: set[EventPattern] = field(default_factory=set)

    def say(self, key: str, first: str = "", second: str = "") -> None:
        count = _COUNTS[self.record.language][self.record.entity(first).count] if first else ""
        names = [self._name(name) for name in (first, second)]
        title = self.words[key].format(*names, n=count)
        if not self.titles or self.titles[-1] != title:
            self.titles.append(title)

    def _name(self, entity_id: str) -> str:
        return self.record.entity(entity_id).names[0] if entity_id else ""

    def reach(self, entity_id: str) -> None:
        """Go where the entity is."""
        if self.near == entity_id:
            return
        if place := self.record.init.get(entity_id, ""):
            self.say("GO", place)
        place_like = self.record.entity(entity_id).role is Role.PLACE
        self.say("GO" if place_like else "FIND", entity_id)
        self.near = entity_id

    def act(self, verb: Verb, entity_id: str) -> None:
        if entity_id:
            self.reach(entity_id)
        self.say(verb.value, entity_id)

    def goal(self, goal: Goal) -> None:
        match goal.kind:
            case GoalKind.AT:
                self.move(goal)
            case GoalKind.STATE | GoalKind.DID:
                self.act(goal.verb or Verb.CHECK, goal.subject)
            case GoalKind.VISITED | GoalKind.ROBOT_AT:
                self.reach(goal.subject)
            case GoalKind.GUIDED:
                self.reach(goal.subject)
                self.say("GUIDE", goal.subject, goal.target)
                self.near = goal.target
            case GoalKind.CONDITION:
                pass  # written before everything else

    def move(self, goal: Goal) -> None:
        self.reach(goal.subject)
        self.say("PICK", goal.subject)
        for event in self._due(EventPattern(Verb.PLACE, goal.subject)):
            self.act(event.verb, event.entity_id)
        person = self.record.entity(goal.target).role is Role.PERSON
        if goal.target != USER:
            self.reach(goal.target)
        self.say("GIVE" if person else "PLACE", goal.subject, goal.target)
        self.near = goal.target

    def _due(self, wanted: EventPattern) -> Iterator[EventPattern]:
        """List the ordered events before that one which no goal asks for, once each."""
        asked = {(g.verb, g.subject) for g in self.record.goals}
        for chain in self.record.order:
            before = chain[: chain.index(wanted)] if wanted in chain else ()
            for event in before:
                fresh = (event.verb, event.entity_id) not in asked and event not in self.told
                if fresh and event.verb in STATES | {Verb.WAIT}:
                    self.told.add(event)
                    yield event

    def write(self) -> Answer:
        conditional = any(g.kind is GoalKind.CONDITION for g in self.record.goals)
        needed = self._needed()
        if conditional:
            subject = next(iter(needed), self.record.goals[0].subject)
            self.reach(subject)
            self.say("IF", subject)
        for goal in self.record.goals:
            for event in self._due(_pattern(goal)):
                self.act(event.verb, event.entity_id)
            for name in [] if conditional or goal.verb is not Verb.CHARGE else needed:
                self.reach(name)
            self.goal(goal)
        return plan(*self.titles)

    def _needed(self) -> list[str]:
        record = self.record
        played = {n for g in record.goals for n in (g.subject, g.target)} | set(
            record.init.values()
        )
        names = [e.entity_id for e in record.entities if e.required and not e.tool]
        return [name for name in names if name not in played]


def _pattern(goal: Goal) -> EventPattern:
    return EventPattern(goal.verb or Verb.PLACE, goal.subject)


def rule_written(record: Record, wording: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that the record's own goals spell out, in another wording if given."""
    if record.kind is AnswerKind.ASK:
        return Answer(AnswerKind.ASK, text=_QUESTIONS[record.language])
    if record.kind is AnswerKind.DECLINE:
        code = min(record.codes, default="NOT_A_TASK")
        return Answer(AnswerKind.DECLINE, text=_REFUSALS[record.language], code=code)
    return _Writer(record, _WORDS[record.language] | dict(wording or {})).write()


def empty(_record: Record) -> Answer:
    """Return a plan without steps."""
    return Answer(AnswerKind.PLAN)


def copy(record: Record) -> Answer:
    """Return the instruction as the only step."""
    return Answer(AnswerKind.PLAN, (Subtask(record.instruction, record.instruction),))


def constant(record: Record) -> Answer:
    """Return the same generic plan for everything."""
    return plan(*_CONSTANT[record.language])


BASELINES: Final[dict[str, Callable[[Record], Answer]]] = {
    "empty": empty,
    "copy of the instruction": copy,
    "constant plan": constant,
    "rule-written": rule_written,
}
