"""What fills the slots of an intent's clause: its things, places, people and tools, as words."""

import re
from typing import Final

from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel
from planner_node.training.corpus.speech.patterns import expand, fill
from planner_node.training.corpus.speech.surface import Surface, difference, marked

_VERBS: Final = {
    "is": "are",
    "has": "have",
    "does": "do",
    "goes": "go",
    "belongs": "belong",
    "needs": "need",
}
_SINGULAR: Final = {"it": "it", **{verb: verb for verb in _VERBS}}
_PLURAL: Final = {"it": "them", **_VERBS}
_LOCATED: Final = frozenset({"on", "off", "open", "close"})
_IN_ORDER: Final = frozenset({"go", "visit", "patrol", "inspect"})


def slots_of(intent: Intent, surface: Surface, *, known: bool) -> dict[str, str]:
    """The slots of the clause of ``intent``; ``known`` things become pronouns."""
    slots = {"n": intent.note, "o": _things(intent, surface, known=known)}
    slots |= _PLURAL if _many(intent) else _SINGULAR
    if intent.left is not None and intent.note == "contrast":
        slots["k"] = _other_one(intent, surface)
    slots["v"] = slots["o"]
    if intent.things:
        slots |= _bare_names(intent, surface)
    if intent.person is not None:
        slots["p"] = surface.place(intent.person)
    slots |= _destination(intent, surface)
    if intent.source is not None:
        slots |= surface.source(intent.source, intent.source_rel)
        slots |= {"sb": marked(intent.source), "r": slots["S"]}
        if intent.kind in _LOCATED:
            slots["v"] = _located(slots, surface.lang)
    slots |= _either(intent, surface) | _tool(intent, surface)
    if intent.places:
        places = [surface.place(place) for place in intent.places]
        slots["w"] = surface.listed(places, "ordered" if intent.kind in _IN_ORDER else "and")
    return slots | _act(intent, slots, surface) if intent.kind == "act" else slots


def _many(intent: Intent) -> bool:
    return len(intent.things) > 1 or any(thing.plural or thing.group for thing in intent.things)


def _things(intent: Intent, surface: Surface, *, known: bool) -> str:
    if intent.says[0] and intent.kind != "act":
        return intent.says[0]
    if known:
        one, many = ("它", "它們") if surface.lang == "zh" else ("it", "them")
        return many if _many(intent) else one
    if not intent.things:
        return ""
    return surface.listed([surface.thing(name) for name in intent.things])


def _other_one(intent: Intent, surface: Surface) -> str:
    """What is not meant: by its name, or as the blue one where the noun is the same."""
    (one,), other = intent.things, intent.left
    if other is None:
        raise ValueError("a contrast needs what is not meant")
    apart = difference(one, other) if surface.lang == "en" else ""
    if apart:
        return f"the {apart} one" if surface.rng.random() < 0.6 else f"the {marked(other)}"
    return marked(other) if surface.lang == "zh" else surface.place(other)


def _bare_names(intent: Intent, surface: Surface) -> dict[str, str]:
    """The things without articles, as something new, and as somebody to go to."""
    comma = ", " if surface.lang == "en" else "、"
    return {
        "b": intent.says[0] or comma.join(map(marked, intent.things)),
        "i": surface.listed([_indefinite(name, surface.lang) for name in intent.things]),
        "p": surface.place(intent.things[0]),
    }


def _indefinite(name: Name, lang: str) -> str:
    if lang == "zh" or name.proper or name.plural or name.mass:
        return marked(name)
    return f"{'an' if name.text[0] in 'aeiou' else 'a'} {marked(name)}"


def _destination(intent: Intent, surface: Surface) -> dict[str, str]:
    """The bare place only where "to the box" means what the plan does there."""
    if intent.place is None:
        return {}
    slots = {"d": surface.to(intent.place, intent.rel)}
    slots["at"] = surface.at(intent.place, intent.rel)
    if intent.rel is intent.place.rel or intent.kind not in {"move", "nest", "if.present"}:
        slots["D"] = surface.place(intent.place)
        slots["db"] = marked(intent.place)
    return slots


def _located(slots: dict[str, str], lang: str) -> str:
    """A thing told with where it is."""
    if lang == "en":
        return f"{slots['o']} {re.sub('^at ', 'in ', slots['g'])}"
    return f"{slots['S']}的{slots['o']}"


def _either(intent: Intent, surface: Surface) -> dict[str, str]:
    """The two things of which the second is for the case that the first is not there."""
    if intent.kind != "if.else" or len(intent.things) != 2:
        return {}
    first, second = intent.things
    slots = {"o1": surface.thing(first), "o2": surface.thing(second)}
    return slots | {"i1": _indefinite(first, surface.lang)}


def _tool(intent: Intent, surface: Surface) -> dict[str, str]:
    if intent.tool is None:
        return {}
    rel = intent.tool.rel if intent.kind == "instead" else Rel.IN
    return {
        "a": surface.place(intent.tool),
        "c": surface.to(intent.tool, rel),
        "C": surface.place(intent.tool),
    }


def _act(intent: Intent, slots: dict[str, str], surface: Surface) -> dict[str, str]:
    """The note of an act is a pattern of its own, about the thing."""
    thing = _located(slots, surface.lang) if intent.source is not None else slots["o"]
    return {"o": thing, "n": fill(expand(intent.note, surface.rng), {"o": thing})}
