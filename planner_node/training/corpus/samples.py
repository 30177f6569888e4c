"""Sample number ``i`` of a seed: a conversation, the tools it offers, and the right answer."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from planner_node.training.corpus import conversation, corrections, replies, skills
from planner_node.training.corpus.conversation import Offer, Turn
from planner_node.training.corpus.families.shares import FAMILIES
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.planning import Plan, plan
from planner_node.training.corpus.plans.world import Step, Verb, Violation
from planner_node.training.corpus.speech.phrasing import Speaker
from planner_node.training.corpus.speech.wording import subtask

ASK_SHARE: Final = 0.09
DECLINE_SHARE: Final = 0.12
CONTEXT_SHARE: Final = 0.10
LANGUAGE_SHARE: Final = 0.06
SECOND_TURN_SHARE: Final = 0.05
FAILURE_SHARE: Final = 0.55


@dataclass(frozen=True, slots=True)
class Sample:
    """A rendered-to-be conversation and the assistant's ``answer`` without its end mark."""

    family: str
    lang: str
    turns: tuple[Turn, ...]
    tools: tuple[dict[str, object], ...]
    answer: str
    steps: tuple[Step, ...] = ()
    names: tuple[str, ...] = field(default=())


def sample(seed: int, index: int, *, unseen: bool = False) -> Sample:
    """The sample with this number; ``unseen`` draws listed names that training never shows."""
    rng = random.Random(f"{seed}:{index}")
    for _ in range(20):
        try:
            return _draw(rng, unseen=unseen)
        except (LookupError, Violation):
            continue
    raise RuntimeError(f"sample {index} of seed {seed} could not be drawn")


def stream(seed: int, start: int = 0) -> Iterator[Sample]:
    """All samples of a seed from ``start`` on, without end."""
    index = start
    while True:
        yield sample(seed, index)
        index += 1


def _draw(rng: random.Random, *, unseen: bool) -> Sample:
    lang = rng.choice(("zh", "en"))
    names = Names(rng, lang, unseen=unseen)
    share = rng.random()
    if share < ASK_SHARE:
        return _asked(names)
    if share < ASK_SHARE + DECLINE_SHARE:
        return _declined(names)
    return _second_turn(names) if names.chance(SECOND_TURN_SHARE) else _planned(names)


def _planned(names: Names) -> Sample:
    rng, lang = names.rng, names.lang
    family = rng.choices(list(FAMILIES), [weight for weight, _ in FAMILIES.values()])[0]
    intents = FAMILIES[family][1](names)
    said = Speaker(rng, lang).instruction(intents)
    steps = _checked(plan(intents))
    lines: list[str] = []
    if names.chance(CONTEXT_SHARE):
        steps, lines = _context(names, steps)
    told = "" if any(step.note for step in steps) else _wanted_language(names)
    if told:
        lines.append(conversation.line("language", ["zh-TW" if told == "zh" else "en"]))
    offer = conversation.draw_offer(rng, steps)
    turns = (*conversation.system(rng), Turn("user", "\n".join([said, *lines])))
    answer = written(steps, told or lang, offer)
    return Sample(family, told or lang, turns, offer.tools(), answer, steps, tuple(names.used))


def _second_turn(names: Names) -> Sample:
    """A plan that is corrected by the speaker, or of which a step failed."""
    rng, lang = names.rng, names.lang
    intent = corrections.request(names)
    said = Speaker(rng, lang).instruction([intent])
    first = _checked(plan([intent]))
    if len(first) > 1 and names.chance(FAILURE_SHARE):
        steps, told = corrections.failed(names, first)
    else:
        meant, told = corrections.corrected(names, intent)
        steps = _checked(plan([meant]))
    offer = conversation.draw_offer(rng, (*first, *steps))
    answered = conversation.assistant(written(first, lang, offer))
    turns = (*conversation.system(rng), Turn("user", said), answered, Turn("user", told))
    names_drawn = tuple(names.used)
    return Sample(
        "second_turn", lang, turns, offer.tools(), written(steps, lang, offer), steps, names_drawn
    )


def _wanted_language(names: Names) -> str:
    """The language a request asks for: mostly none, mostly its own; names stay as they are."""
    if not names.chance(LANGUAGE_SHARE):
        return ""
    other = {"zh": "en", "en": "zh"}[names.lang]
    return other if names.chance(0.15) else names.lang


def _checked(made: Plan) -> tuple[Step, ...]:
    if not made.reached():
        raise LookupError("the errands undo each other")
    return made.steps


def _context(names: Names, steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], list[str]]:
    """Lines that the service adds below the instruction, and the steps that remain."""
    rng = names.rng
    told = [name.text for step in steps for name in step.things if names.chance(0.3)]
    lines = _surroundings(names, told[:2])
    if rng.random() < 0.45 and len(steps) > 1:
        steps, done = _progress(names, steps)
        lines += done
    if rng.random() < 0.15:
        lines.append(conversation.line("notes", [names.word("message")]))
    if rng.random() < 0.1:
        lines.append(conversation.line("max_subtasks", [str(len(steps) + rng.randint(0, 12))]))
    if rng.random() < 0.1:
        lines.append(conversation.line("forbidden", [names.thing().text]))
    return steps, lines


def _surroundings(names: Names, known: Sequence[str] = ()) -> list[str]:
    """What the service knows of the place: some places and objects, ``known`` among them."""
    rng, lines = names.rng, []
    if rng.random() < 0.4:
        lines.append(
            conversation.line("places", [names.place().text for _ in range(rng.randint(1, 3))])
        )
    if rng.random() < 0.4:
        objects = [*known, *(names.thing().text for _ in range(rng.randint(1, 3)))]
        rng.shuffle(objects)
        lines.append(conversation.line("objects", list(dict.fromkeys(objects))))
    return lines


def _progress(names: Names, steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], list[str]]:
    done = names.rng.randint(1, len(steps) - 1)
    titles = [subtask(step, names.lang)[0] for step in steps]
    lines = [conversation.line("completed", titles[:done])]
    rest = steps[done:]
    if names.chance(0.5):
        lines.append(conversation.line("failed", titles[done : done + 1]))
        if rest[0].verb is Verb.PICK:
            rest = (Step(Verb.FIND, rest[0].things), *rest)
    return rest, lines


def written(steps: Sequence[Step], lang: str, offer: Offer) -> str:
    """The answer for ``steps``: a numbered list without tools, else the call's envelope."""
    pairs = [subtask(step, lang) for step in steps]
    if not offer.plans:
        return conversation.numbered([title for title, _ in pairs], lang)
    items = []
    for step, (title, description) in zip(steps, pairs, strict=True):
        values: dict[str, object] = {
            "task": title,
            "description": description,
            "skill": offer.skills.get(step.verb, ""),
        }
        if "arguments" in offer.keys:
            values["arguments"] = skills.arguments(
                step, offer.arguments, lang, complete=offer.complete
            )
        items.append({key: values[key] for key in offer.keys})
    return conversation.call("decompose_task", {"tasks": items})


def _asked(names: Names) -> Sample:
    rng, lang = names.rng, names.lang
    asked = replies.ask(names)
    said = "\n".join(
        [asked.said, *(conversation.line(key, list(found)) for key, found in asked.context)]
    )
    arguments: dict[str, object] = {"question": asked.question, "options": list(asked.options)}
    call = conversation.call("ask_clarification", arguments)
    steps = _checked(plan(asked.intents)) if asked.intents else ()
    if steps and names.chance(0.35):
        offer = conversation.everything(rng, steps)
        reply = conversation.assistant(call)
        turns = (*conversation.system(rng), Turn("user", said), reply, Turn("user", asked.answer))
        return Sample("answered", lang, turns, offer.tools(), written(steps, lang, offer), steps)
    offer = conversation.everything(rng, steps)
    tools, answer = (offer.tools(), call) if names.chance(0.8) else ((), asked.question)
    turns = (*conversation.system(rng), Turn("user", said))
    return Sample("ask", lang, turns, tools, answer)


def _declined(names: Names) -> Sample:
    rng = names.rng
    refusal = replies.refuse(names)
    arguments: dict[str, object] = {"reason_code": refusal.reason_code, "reason": refusal.reason}
    offer = conversation.everything(rng, ())
    answer = conversation.call("decline_task", arguments)
    tools = offer.tools()
    if names.chance(0.2):
        tools, answer = (), refusal.reason
    said = "\n".join([refusal.said, *(_surroundings(names) if names.chance(CONTEXT_SHARE) else [])])
    turns = (*conversation.system(rng), Turn("user", said))
    return Sample(f"decline.{refusal.reason_code}", names.lang, turns, tools, answer)


def dump(samples: Sequence[Sample]) -> str:
    """Samples as JSON lines, for reading and for comparing checksums."""
    rows = (
        {
            "family": s.family,
            "lang": s.lang,
            "turns": [turn.message() for turn in s.turns],
            "tools": len(s.tools),
            "answer": s.answer,
        }
        for s in samples
    )
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
