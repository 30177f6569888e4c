"""Families about how many: two, three, a pair, all of them."""

from dataclasses import replace

from planner_node.training.ingredients import destination, source, user
from planner_node.training.intents import Intent
from planner_node.training.lexicon import sections, words
from planner_node.training.names import Names
from planner_node.training.surface import OPEN, SHUT
from planner_node.training.world import Name


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
