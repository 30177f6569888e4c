"""Families about what is done to a thing: heat, wash, switch, fill, and only if it is so."""

from dataclasses import replace

from planner_node.training.corpus.families.ingredients import destination, dock, things, user
from planner_node.training.corpus.lexicon import sections
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name, Rel
from planner_node.training.corpus.speech.patterns import fill
from planner_node.training.corpus.speech.surface import OPEN, SHUT


def treat(names: Names, kind: str = "") -> list[Intent]:
    kind = kind or names.rng.choice(("heat", "cool", "wash", "wash", "slice"))
    category = {"heat": ("food", "food", "drink"), "cool": ("food", "drink"), "slice": ("food",)}
    (thing,) = things(names, 1, 1, *category.get(kind, ("dish", "food", "item")))
    shape = names.rng.random()
    if shape < 0.42:
        place, rel = destination(names, "surface", "surface", "container")
        return [Intent(kind, (thing,), place, rel)]
    if shape < 0.75 and kind != "slice":
        tools = {"heat": "heater", "cool": "cooler", "wash": "washer"}
        tool = replace(names.other(tools[kind]), rel=Rel.IN)
        intents = [Intent(kind, (thing,), tool=tool)]
        if names.chance(0.4):
            place, rel = destination(names, "surface", "container")
            intents.append(Intent("move", (thing,), place, rel))
        elif names.chance(0.3):
            intents.append(Intent("deliver", (thing,), person=names.person()))
        return intents
    return [Intent(kind, (thing,))]


def switch(names: Names) -> list[Intent]:
    kind = names.rng.choice(
        ("on", "on", "off", "off", "open", "open", "close", "close", "lock", "unlock")
    )
    section = {"on": "device", "off": "device", "open": "openable", "close": "openable"}.get(
        kind, "lockable"
    )
    count = names.rng.choices((1, 2, 3), (68, 24, 8))[0]
    devices = tuple(names.other(section) for _ in range(count))
    intent = Intent(kind, devices)
    if count == 1 and kind in {"on", "off", "open", "close"} and names.chance(0.3):
        room = names.place("room")
        intent = replace(intent, source=room, source_rel=room.rel)
    return [intent]


def fill_or_pour(names: Names) -> list[Intent]:
    if names.chance(0.5):
        substance = names.rng.choice(
            ("水", "熱水", "冰水", "茶", "咖啡", "果汁", "牛奶", "沙子", "冰塊", "米", "湯")
            if names.lang == "zh"
            else (
                "water",
                "hot water",
                "cold water",
                "tea",
                "coffee",
                "juice",
                "milk",
                "ice",
                "sand",
                "rice",
            )
        )
        vessel = names.thing("dish")
        intent = Intent("fill", (vessel,), note=substance)
        if names.chance(0.4):
            intent = replace(intent, tool=names.other("water"))
        return [intent, *_afterwards(names, vessel)] if names.chance(0.4) else [intent]
    vessel = names.thing("dish")
    pour = Intent("pour", (names.thing("drink"),), vessel, Rel.IN)
    return [pour, *_afterwards(names, vessel)] if names.chance(0.4) else [pour]


def _afterwards(names: Names, thing: Name) -> list[Intent]:
    """Bring the thing somewhere or to somebody, as a last clause."""
    if names.chance(0.5):
        place, rel = destination(names)
        return [Intent("move", (thing,), place, rel)]
    person = names.person() if names.chance(0.6) else user(names.lang)
    return [Intent("fetch" if person == user(names.lang) else "deliver", (thing,), person=person)]


def act(names: Names) -> list[Intent]:
    said, title, description, usual = (
        part.strip() for part in names.rng.choice(sections(names.lang, "acts")["act"]).split("|#|")
    )
    pool = [w.strip() for w in usual.split("," if names.lang == "en" else " ") if w.strip()]
    thing = Name(names.rng.choice(pool)) if names.chance(0.6) else names.thing()
    slots = {"o": (thing.text if thing.proper or names.lang == "zh" else f"the {thing.text}")}
    says = (fill(title, slots), fill(description, slots))
    intent = Intent("act", (thing,), note=said, says=says)
    if names.chance(0.25):
        room = names.place("room", "surface")
        intent = replace(intent, source=room, source_rel=room.rel)
    return [intent]


def condition(names: Names) -> list[Intent]:
    shape = names.rng.random()
    if shape < 0.6:
        kind = names.rng.choice(("if.open", "if.closed", "if.on", "if.off"))
        section = "openable" if kind in {"if.open", "if.closed"} else "device"
        return [Intent(kind, (names.other(section),))]
    if shape < 0.82:
        place = names.place("surface", "container", "surface", "room")
        goal, rel = destination(names)
        return [Intent("if.present", things(names), goal, rel, source=place, source_rel=place.rel)]
    station = names.charger() if names.chance(0.5) else dock(names.lang)
    note = f"{OPEN}{names.rng.choice((10, 15, 20, 25, 30, 40, 50))}%{SHUT}"
    return [Intent("if.battery", places=(station,), note=note)]
