"""Families about going somewhere: tours, cleaning, people to guide, waiting, charging."""

from planner_node.training.corpus.families.ingredients import dock, user
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech.surface import OPEN, SHUT


def tour(names: Names) -> list[Intent]:
    kind = names.rng.choice(
        ("go", "go", "visit", "patrol", "patrol", "inspect", "inspect", "inspect.report")
    )
    count = names.rng.choices((1, 2, 3, 4, 5), (40, 24, 20, 10, 6))[0]
    if kind == "go":
        count = min(count, 2)
    if kind == "visit":
        count = max(count, 2)
    return [Intent(kind, places=tuple(_stop(names, kind) for _ in range(count)))]


def _stop(names: Names, kind: str) -> Name:
    if kind.startswith("inspect") and names.chance(0.35):
        return names.other(names.rng.choice(("device", "openable")))
    if names.chance(0.25):
        return names.station()
    return names.place("room", "room", "zone", "surface")


def clean(names: Names) -> list[Intent]:
    kind = names.rng.choice(
        ("sweep", "mop", "vacuum", "wipe", "wipe", "clean", "clean", "tidy", "disinfect")
    )
    count = names.rng.choices((1, 2, 3), (70, 22, 8))[0]
    rooms = kind in {"sweep", "mop", "vacuum", "tidy"} or names.chance(0.3)
    places = tuple(names.place("room") if rooms else names.other("cleanable") for _ in range(count))
    return [Intent(kind, places=places)]


def people(names: Names) -> list[Intent]:
    kind = names.rng.choice(("guide", "guide", "follow", "say", "say", "ask"))
    person = names.person()
    if kind in {"guide", "follow"} and names.chance(0.3):
        person = user(names.lang)
    if kind == "guide":
        return [Intent("guide", (person,), places=(_stop(names, "go"),))]
    if kind == "follow":
        return [Intent("follow", (person,))]
    return [Intent(kind, (person,), note=_message(names, kind))]


def _message(names: Names, kind: str) -> str:
    if kind == "ask":
        listed = sections(names.lang, "questions")["question"]
        return names.rng.choice(listed)
    if names.chance(0.4):
        thing = names.thing()
        stem = names.word("message_stem")
        said = f"{thing.text}{stem}" if names.lang == "zh" else f"the {thing.text} {stem}"
        return f"{OPEN}{said}{SHUT}"
    if names.chance(0.4):
        return f"{OPEN}{_anything(names)}{SHUT}"
    return f"{OPEN}{names.word('message')}{SHUT}"


def _anything(names: Names) -> str:
    """A message nobody has heard before."""
    subject, stem = names.person(), names.word("message_stem")
    other = names.place("room", "zone").text
    if names.lang == "zh":
        return names.rng.choice(
            (f"{subject.text}在{other}", f"{other}{stem}", f"{subject.text}{stem}")
        )
    who = subject.text if subject.proper else f"the {subject.text}"
    return names.rng.choice((f"{who} is in the {other}", f"the {other} {stem}", f"{who} {stem}"))


def idle(names: Names) -> list[Intent]:
    kind = names.rng.choice(("wait", "wait", "charge", "charge", "photo"))
    if kind == "photo":
        return [
            Intent(
                "photo",
                places=(names.other("device") if names.chance(0.5) else _stop(names, "go"),),
            )
        ]
    if kind == "charge":
        station = names.charger() if names.chance(0.5) else dock(names.lang)
        if names.chance(0.45):  # nobody says where: the dock is meant
            return [Intent("charge", places=(dock(names.lang),), note="unsaid")]
        return [Intent("charge", places=(station,))]
    note = f"{OPEN}{names.word('duration')}{SHUT}"
    return [Intent("wait", places=(_stop(names, "go"),) if names.chance(0.4) else (), note=note)]
