"""Skill enumerations that a request may demand: each robot calls its skills differently."""

import random
from typing import Final

from planner_node.training.corpus.plans.world import Step, Verb
from planner_node.training.corpus.speech.wording import listed, noun

_WORDS: Final[dict[Verb, tuple[str, ...]]] = {
    Verb.FIND: ("find", "locate", "search", "detect", "perceive", "look_for"),
    Verb.GO: ("go", "navigate", "move_to", "go_to", "drive", "walk"),
    Verb.PICK: ("pick", "grasp", "pick_up", "grab", "take"),
    Verb.PLACE: ("place", "put", "put_down", "release", "drop"),
    Verb.GIVE: ("give", "hand_over", "handover", "deliver"),
    Verb.OPEN: ("open",),
    Verb.CLOSE: ("close", "shut"),
    Verb.ON: ("turn_on", "switch_on", "activate"),
    Verb.OFF: ("turn_off", "switch_off", "deactivate"),
    Verb.CHECK: ("inspect", "check", "look", "observe"),
    Verb.WAIT: ("wait", "pause"),
    Verb.CHARGE: ("charge", "recharge", "dock"),
    Verb.SAY: ("say", "speak", "tell", "talk"),
    Verb.WASH: ("wash", "clean", "rinse"),
    Verb.HEAT: ("heat", "warm", "cook"),
    Verb.COOL: ("cool", "chill"),
    Verb.SLICE: ("slice", "cut"),
    Verb.POUR: ("pour",),
    Verb.FILL: ("fill", "refill"),
    Verb.WIPE: ("wipe", "clean_surface"),
    Verb.SWEEP: ("sweep",),
    Verb.GUIDE: ("guide", "lead", "escort"),
    Verb.FOLLOW: ("follow",),
    Verb.PHOTO: ("photograph", "take_photo"),
}
_SAME: Final = {
    Verb.PUT_DOWN: Verb.PLACE,
    Verb.ASK: Verb.SAY,
    Verb.REPORT: Verb.SAY,
    Verb.DISCARD: Verb.PLACE,
}
_HANDLED: Final = ("object", "item", "target", "object_name", "thing", "name")
_PLACED: Final = ("location", "place", "destination", "goal", "waypoint", "to")
_OTHER: Final = ("other", "act", "manipulate", "custom")


def enumeration(steps: tuple[Step, ...], rng: random.Random) -> tuple[dict[Verb, str], list[str]]:
    """Return each verb's skill and the enumeration to show, in random order."""
    style = rng.choice((str, str, str.upper, _camel))
    verbs = {_SAME.get(step.verb, step.verb) for step in steps}
    extra = rng.sample(sorted(_WORDS), rng.randint(1, 5))
    chosen = {
        verb: style(rng.choice(_WORDS[verb])) for verb in sorted({*verbs, *extra}) if verb in _WORDS
    }
    other = style(rng.choice(_OTHER))
    skills = {step.verb: chosen.get(_SAME.get(step.verb, step.verb), other) for step in steps}
    shown = list(dict.fromkeys([*chosen.values(), other]))
    rng.shuffle(shown)
    return skills, shown


def argument_names(rng: random.Random) -> tuple[str, str]:
    """What a robot calls the thing that a skill handles and the place where it does."""
    return rng.choice(_HANDLED), rng.choice(_PLACED)


def arguments(
    step: Step, names: tuple[str, str], lang: str, *, complete: bool = False
) -> dict[str, str]:
    """The arguments of the step's skill, as the plan writes names.

    Only those that it has; where the request wants all of them ``complete``, empty ones too.
    """
    handled, placed = names
    found = dict.fromkeys(names, "") if complete else {}
    if step.things:
        found[handled] = listed([noun(name, lang, bare=True) for name in step.things], lang)
    if step.place is not None:
        found[placed] = noun(step.place, lang, bare=True)
    return found


def _camel(text: str) -> str:
    return "".join(part.capitalize() for part in text.split("_"))
