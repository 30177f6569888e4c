"""Generated worlds that training never shows, in the notation of the hand-written test set.

The clauses are the generator's own; the names are the tenth of the lists that training leaves
out (where a short section has any), and made-up ones of another seed. What has no goal in the
notation (say, wait, keep in the hand) is left out, and so is a world whose own plan the scorer
would not accept.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.corpus.families.shares import FAMILIES
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.planning import Plan, plan
from planner_node.training.corpus.plans.world import Name, Step, Verb, Violation
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.corpus.speech.wording import subtask
from planner_node.training.scoring.answers import Answer, Subtask
from planner_node.training.scoring.judging import judge
from planner_node.training.scoring.notation import read_record
from planner_node.training.scoring.terms import AnswerKind, Language

LANGUAGES: Final = {"zh": Language.ZH, "en": Language.EN}
_STATES: Final = {
    **dict.fromkeys((Verb.OPEN, Verb.UNLOCK), "OPEN"),
    **dict.fromkeys((Verb.CLOSE, Verb.LOCK), "CLOSE"),
    **dict.fromkeys((Verb.WASH, Verb.WIPE, Verb.CLEAN, Verb.SWEEP, Verb.MOP), "CLEAN"),
    **dict.fromkeys((Verb.VACUUM, Verb.TIDY, Verb.DISINFECT), "CLEAN"),
    **{verb: verb.value for verb in (Verb.ON, Verb.OFF, Verb.HEAT, Verb.COOL, Verb.SLICE)},
    **{verb: verb.value for verb in (Verb.FILL, Verb.CHECK, Verb.FOLLOW)},
}
_OPPOSITES: Final = {"OPEN": "CLOSE", "CLOSE": "OPEN", "ON": "OFF", "OFF": "ON"}
_PARTS: Final = re.compile(r" (?:@|->) |^x\* |^[A-Z]+ ")
_IN_ORDER: Final = frozenset({"go", "visit", "patrol", "inspect", "inspect.report"})
_UNTOLD: Final = frozenset({Verb.DISCARD, Verb.SAY, Verb.ASK, Verb.WAIT, Verb.ACT, Verb.SET})


@dataclass(slots=True)
class _Teller:
    """Reads a plan's steps into goals, order and what else must be named."""

    lang: str
    goals: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    here: str = ""

    @property
    def unsettled(self) -> list[str]:
        """Names that no goal speaks of."""
        told = {part for goal in self.goals.values() for part in _PARTS.split(goal)}
        return [name for name in dict.fromkeys(self.named) if name not in told]

    def tell(self, step: Step) -> str:
        """Add what the step reaches; returns its event, empty where it reaches nothing."""
        names = [*step.things, *((step.place,) if step.place else ())]
        self.named += [called(name) for name in names if not speaker(name)]
        target = called(step.place) if step.place else ""
        things = [called(thing) for thing in step.things]
        if step.note in {"if", "battery"} or (step.verb is Verb.CHECK and things):
            self.goals["IF"] = "IF"
        match step.verb:
            case Verb.PLACE | Verb.GIVE | Verb.PUT_DOWN:
                return self._put(step, target)
            case Verb.PICK:
                self.held += things
            case Verb.FIND:
                self.here = ""
                return f"visit {things[-1]}"
            case Verb.GO:
                self.here = target
                return "" if step.place and speaker(step.place) else f"visit {target}"
            case Verb.GUIDE:
                self.goals[f"GUIDE {target}"] = f"GUIDE {things[0]} @ {target}"
            case Verb.POUR:
                return self._change("FILL", target)
            case Verb.REPORT | Verb.CHARGE:
                self.goals[step.verb] = step.verb.value
                return step.verb.value
            case _:
                return self._act(step, things or [target])
        return ""

    def _act(self, step: Step, names: list[str]) -> str:
        asked = step.verb is Verb.CHECK and step.things  # a condition: looked at, no goal itself
        if step.verb not in _STATES or asked:
            return ""
        return [self._change(_STATES[step.verb], name) for name in names][-1]

    def _put(self, step: Step, target: str) -> str:
        event = ""
        for thing in step.things:
            name = called(thing)
            self.held.remove(name)
            where = target or self.here
            count = f"x* {name}" if thing.group else name
            speaks = step.place is not None and speaker(step.place)
            person = ("我" if self.lang == "zh" else "me") if speaks else target
            arrow = f"{count} -> {person}" if step.verb is Verb.GIVE else f"{count} @ {where}"
            self.goals[f"at {name}"] = arrow if where else ""
            event = f"put {name}"
        return event

    def _change(self, verb: str, name: str) -> str:
        self.goals.pop(f"{_OPPOSITES.get(verb)} {name}", None)
        self.goals[f"{verb} {name}"] = f"{verb} {name}"
        return f"{verb} {name}"


def called(name: Name) -> str:
    """The name as one word of the notation."""
    return name.text


def speaker(name: Name) -> bool:
    """Whether the name means the person who speaks."""
    return name.text in {"使用者", "user"}


def held_out_records(count: int, seed: int) -> Iterable[dict[str, object]]:
    """Yield ``count`` records, one language after the other; the same for the same seed."""
    made = index = 0
    while made < count:
        lang = ("zh", "en")[made % 2]
        record = draw(seed, index, lang)
        index += 1
        if record is not None:
            made += 1
            yield record


def draw(seed: int, index: int, lang: str) -> dict[str, object] | None:
    """Record number ``index``, or None where the draw cannot be told in the notation."""
    rng = random.Random(f"held out {seed}:{index}")
    family = rng.choices(list(FAMILIES), [weight for weight, _ in FAMILIES.values()])[0]
    try:
        intents = FAMILIES[family][1](Names(rng, lang, unseen=True))
        made = plan(intents)
        if not made.reached():
            return None
    except (LookupError, Violation):
        return None
    row = told(intents, made, lang)
    if row is None:
        return None
    row |= {"id": f"{lang}-world-{index}", "say": Speaker(rng, lang).instruction(intents)}
    if not fits(row, made, lang):
        return None
    return row | {"category": family, "lang": LANGUAGES[lang].value}


def told(intents: list[Intent], made: Plan, lang: str) -> dict[str, object] | None:
    """Goals, order and starts of a plan in the notation; None where a step has none."""
    if any(step.verb in _UNTOLD or step.note == "else" for step in made.steps):
        return None
    teller = _told_steps(intents, made.steps, lang)
    if teller.held or not any(teller.goals.values()):
        return None
    starts = {name for pair in made.start.items() for name in pair}
    return {
        "goal": "; ".join(goal for goal in teller.goals.values() if goal),
        "order": " < ".join(dict.fromkeys(teller.events)) if len(set(teller.events)) > 1 else "",
        "init": "; ".join(f"{thing} < {place}" for thing, place in made.start.items()),
        "need": "; ".join(n for n in teller.unsettled if n not in starts),
        "avoid": "; ".join(called(i.left) for i in intents if i.left),
    }


def _told_steps(intents: list[Intent], steps: tuple[Step, ...], lang: str) -> _Teller:
    teller = _Teller(lang)
    ends = {len(plan(intents[: number + 1]).steps) - 1 for number in range(len(intents))}
    tour = intents[0].kind in _IN_ORDER
    for number, step in enumerate(steps):
        event = teller.tell(step)
        if event and (number in ends or (tour and step.verb is Verb.GO)):
            teller.events.append(event)
    last = steps[-1]
    if last.verb is Verb.GO and last.place:
        teller.goals["end"] = f"GO {called(last.place)}"
    if last.verb is Verb.FIND:
        teller.goals["end"] = f"VISIT {called(last.things[-1])}"
    return teller


def fits(row: dict[str, object], made: Plan, lang: str) -> bool:
    """Whether the scorer accepts the world's own plan."""
    try:
        record = read_record(row, "world", LANGUAGES[lang])
    except ValueError:
        return False
    subtasks = tuple(Subtask(*subtask(step, lang)) for step in made.steps)
    return judge(record, Answer(AnswerKind.PLAN, subtasks)).success
