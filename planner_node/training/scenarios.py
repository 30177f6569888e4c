"""What people ask robots to do: families of intents, drawn with shares, names filled in."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from planner_node.training.lexicon import sections, words
from planner_node.training.names import Names
from planner_node.training.patterns import fill
from planner_node.training.planning import Intent
from planner_node.training.surface import OPEN, SHUT
from planner_node.training.world import Name, Rel

Family = Callable[[Names], list[Intent]]
_ODD_RELS: Final = (Rel.BESIDE, Rel.BESIDE, Rel.BESIDE, Rel.UNDER, Rel.FRONT, Rel.BEHIND)


def user(lang: str) -> Name:
    """The person who speaks."""
    return Name("使用者", proper=True) if lang == "zh" else Name("user")


def things(names: Names, low: int = 1, high: int = 1, *categories: str) -> tuple[Name, ...]:
    return tuple(names.thing(*categories) for _ in range(names.rng.randint(low, high)))


def destination(names: Names, *kinds: str) -> tuple[Name, Rel]:
    place = names.place(*kinds)
    if names.chance(0.07):
        return place, names.rng.choice(_ODD_RELS)
    if place.rel is Rel.AT and names.chance(0.3) and (names.lang == "en" or len(place.text) > 1):
        return place, Rel.IN
    return place, place.rel


def source(names: Names, *kinds: str) -> dict[str, Name | Rel]:
    place = names.place(*kinds)
    return {"source": place, "source_rel": place.rel}


def _few(names: Names) -> int:
    return names.rng.choices((1, 2, 3, 4, 5), (46, 30, 14, 6, 4))[0]


def move(names: Names, count: int = 0) -> list[Intent]:
    place, rel = destination(names)
    count = count or _few(names)
    return [Intent("move", things(names, count, count), place, rel)]


def move_from(names: Names) -> list[Intent]:
    (intent,) = move(names, names.rng.choices((1, 2, 3), (72, 20, 8))[0])
    place = names.place("surface", "container", "room", "zone")
    return [replace(intent, source=place, source_rel=place.rel)]


def cargo(names: Names) -> list[Intent]:
    here = names.station() if names.chance(0.6) else names.place("zone")
    there = names.station() if names.chance(0.6) else names.place("zone", "zone", "room")
    load = things(names, 1, names.rng.choice((1, 1, 1, 2)), "cargo", "cargo", "box")
    if names.chance(0.2):
        return [Intent("move", load, there, there.rel)]
    first = Intent("move", load, there, there.rel, source=here, source_rel=here.rel)
    after = names.rng.random()
    if after < 0.12:
        return [first, Intent("go", places=(names.place("zone"),))]
    if after < 0.2:
        return [first, Intent("charge", places=(names.place("zone"),))]
    return [first]


def distribute(names: Names) -> list[Intent]:
    parts = [
        replace(move(names, names.rng.choice((1, 1, 1, 2)))[0])
        for _ in range(names.rng.choice((2, 2, 2, 3)))
    ]
    return [Intent("distribute", parts=tuple(parts))]


def deliver(names: Names) -> list[Intent]:
    count = names.rng.choices((1, 2, 3), (75, 20, 5))[0]
    kind = names.rng.choice(("deliver", "fetch"))
    person = names.person() if kind == "deliver" else user(names.lang)
    intent = Intent(kind, things(names, count, count), person=person)
    if names.chance(0.35):
        place = names.place("surface", "container", "room", "zone")
        intent = replace(intent, source=place, source_rel=place.rel)
    return [intent]


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


def nest(names: Names) -> list[Intent]:
    vessel = names.thing("box", "dish", "box")
    place, rel = destination(names)
    return [Intent("nest", things(names, 1, names.rng.choice((1, 1, 2))), place, rel, tool=vessel)]


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


def get(names: Names) -> list[Intent]:
    kind = names.rng.choice(("find", "find", "pick", "pick", "discard"))
    intent = Intent(kind, things(names, 1, names.rng.choice((1, 1, 1, 2))))
    if kind != "discard" and names.chance(0.4):
        place = (
            names.place("room") if kind == "find" else names.place("surface", "container", "room")
        )
        intent = replace(intent, source=place, source_rel=place.rel)
    return [intent]


def people(names: Names) -> list[Intent]:
    kind = names.rng.choice(("guide", "guide", "follow", "say", "say", "ask"))
    person = names.person()
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
    return f"{OPEN}{names.word('message')}{SHUT}"


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
        station = names.place("zone") if names.chance(0.5) else dock(names.lang)
        return [Intent("charge", places=(station,))]
    note = f"{OPEN}{names.word('duration')}{SHUT}"
    return [Intent("wait", places=(_stop(names, "go"),) if names.chance(0.4) else (), note=note)]


def dock(lang: str) -> Name:
    return Name("充電站", Rel.AT) if lang == "zh" else Name("charging station", Rel.AT)


def act(names: Names) -> list[Intent]:
    said, title, description, usual = (
        part.strip() for part in names.rng.choice(sections(names.lang, "acts")["act"]).split("|#|")
    )
    pool = [w.strip() for w in usual.split("," if names.lang == "en" else " ") if w.strip()]
    thing = Name(names.rng.choice(pool)) if names.chance(0.6) else names.thing()
    slots = {"o": (thing.text if thing.proper or names.lang == "zh" else f"the {thing.text}")}
    says = (fill(title, slots), fill(description, slots))
    return [Intent("act", (thing,), note=said, says=says)]


def quantity(names: Names) -> list[Intent]:
    """Two to four of a kind, counted out one by one."""
    count = names.rng.choices((2, 3, 4), (60, 28, 12))[0]
    items, said = _counted(names, count)
    place, rel = destination(names)
    shape = names.rng.random()
    if shape < 0.25:
        return [Intent("fetch", items, person=user(names.lang), says=(said, ""))]
    if shape < 0.4:
        return [Intent("deliver", items, person=names.person(), says=(said, ""))]
    intent = Intent("move", items, place, rel, says=(said, ""))
    return [replace(intent, **source(names))] if shape < 0.55 else [intent]  # type: ignore[arg-type]


def _counted(names: Names, count: int) -> tuple[tuple[Name, ...], str]:
    if names.lang == "zh":
        return _counted_zh(names, count)
    noun = names.thing("item", "food", "dish", "box").text.removesuffix("s")
    many = noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
    ordinal = ("first", "second", "third", "fourth")
    number = ("", "", "two", "three", "four")[count]
    said = names.rng.choice((number, number, number, f"the {number}", str(count)))
    if count == 2 and names.chance(0.35):
        said = names.rng.choice(("both", "both", "both of the", "a pair of", "a couple of"))
    return (
        tuple(Name(f"{ordinal[i]} {noun}") for i in range(count)),
        f"{said} {OPEN}{many}{SHUT}",
    )


def _counted_zh(names: Names, count: int) -> tuple[tuple[Name, ...], str]:
    tables = sections("zh", "things")
    header = names.rng.choice(
        [h for h in tables if h.split()[0] in {"item", "food", "dish", "box"}]
    )
    classifier = header.split()[1]
    noun = (
        names.thing().text if names.chance(0.4) else names.rng.choice(words("zh", "things", header))
    )
    if noun[0].isascii():
        noun = names.rng.choice(words("zh", "things", header))
    number = names.rng.choice(("兩三四"[count - 2], "兩三四"[count - 2], str(count)))
    marker = f"{OPEN}{noun}{SHUT}"
    said = names.rng.choice(
        (
            f"{number}{classifier}{marker}",
            f"{number}{classifier}{marker}",
            f"這{number}{classifier}{marker}",
            f"那{number}{classifier}{marker}",
        )
    )
    return tuple(Name(f"第{'一二三四'[i]}{classifier}{noun}") for i in range(count)), said


def everything(names: Names) -> list[Intent]:
    """All of a kind: said and planned as a group."""
    thing = names.thing("item", "food", "dish", "box", "cargo")
    if names.lang == "en" and not thing.proper:
        text = thing.text if thing.text.endswith("s") or thing.mass else thing.text + "s"
        thing = replace(thing, text=text, plural=True)
    thing = replace(thing, group=True, proper=False, lead="")
    place, rel = destination(names)
    intent = Intent("move", (thing,), place, rel)
    if names.chance(0.35):
        place = names.place("surface", "container", "room")
        return [replace(intent, source=place, source_rel=place.rel)]
    if names.chance(0.2):
        return [Intent("discard", (thing,))]
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
    station = names.place("zone") if names.chance(0.5) else dock(names.lang)
    note = f"{OPEN}{names.rng.choice((10, 15, 20, 25, 30, 40, 50))}%{SHUT}"
    return [Intent("if.battery", places=(station,), note=note)]


def keep(names: Names) -> list[Intent]:
    """Move something and leave another thing alone."""
    (intent,) = move(names, names.rng.choice((1, 1, 2)))
    return [replace(intent, left=names.thing())]
