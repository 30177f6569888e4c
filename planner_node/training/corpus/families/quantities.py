"""Families about how many: two, three, a pair, all of them."""

from dataclasses import replace

from planner_node.training.corpus.families.ingredients import destination, source, user
from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.corpus.names import Names
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech.patterns import fill
from planner_node.training.corpus.speech.surface import OPEN, SHUT


def quantity(names: Names) -> list[Intent]:
    """Two to four of a kind, counted out one by one."""
    count = names.rng.choices((2, 3, 4), (60, 28, 12))[0]
    items, said = _counted(names, count)
    place, rel = destination(names)
    shape = names.rng.random()
    if shape < 0.4:
        fetched = shape < 0.22
        person = user(names.lang) if fetched else names.person()
        intent = Intent("fetch" if fetched else "deliver", items, person=person, says=(said, ""))
        origin = source(names) if names.chance(0.35) else {}
        return [replace(intent, **origin)]  # type: ignore[arg-type]
    intent = Intent("move", items, place, rel, says=(said, ""))
    return [replace(intent, **source(names))] if shape < 0.55 else [intent]  # type: ignore[arg-type]


def _counted(names: Names, count: int) -> tuple[tuple[Name, ...], str]:
    if names.lang == "zh":
        return _counted_zh(names, count)
    noun = names.thing("item", "food", "dish", "box").text
    noun = noun if noun.endswith("ss") else noun.removesuffix("s")
    many = plural(noun)
    if names.chance(0.15):  # "two bottles of water"
        vessel, content = (
            names.rng.choice(("bottle", "cup", "can", "box", "bag")),
            names.thing("drink"),
        )
        noun, many = f"{vessel} of {content.text}", f"{plural(vessel)} of {content.text}"
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
    header = _header_zh(names)
    classifier = header.split()[1]
    if header.startswith("drink") and names.chance(0.4):
        classifier = "罐"
    noun = names.thing().text if names.chance(0.4) else ""
    if not noun or noun[0].isascii():
        noun = names.listed(words("zh", "things", header))
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


def _all_said(names: Names, one: str, many: str) -> str:
    """All of a kind in other words than "all"; empty where the plain word will do."""
    if names.chance(0.35):
        return ""
    one, many = f"{OPEN}{one}{SHUT}", f"{OPEN}{many}{SHUT}"
    wordings = sections(names.lang, "moving")["all of a kind"]
    if one == many:
        wordings = tuple(line for line in wordings if "{one}" not in line) or wordings
    return fill(names.rng.choice(wordings), {"one": one, "many": many})


def everything(names: Names) -> list[Intent]:
    """All of a kind: said and planned as a group."""
    thing = names.thing("item", "food", "dish", "box", "cargo")
    english = names.lang == "en" and not thing.mass
    text_of_all = plural(thing.text) if english else thing.text
    thing = replace(thing, plural=english)
    one = thing.text
    thing = replace(thing, text=text_of_all, group=True, proper=False, lead="")
    place, rel = destination(names)
    intent = Intent("move", (thing,), place, rel, says=(_all_said(names, one, thing.text), ""))
    if names.chance(0.35):
        place = names.place("surface", "container", "room")
        return [replace(intent, source=place, source_rel=place.rel)]
    if names.chance(0.2):
        return [Intent("discard", (thing,))]
    return [intent]


def counted(names: Names) -> list[Intent]:
    """Many of a kind, carried as one: the number stays with the name."""
    load = (lot(names),)
    shape = names.rng.random()
    if shape < 0.2:
        return [Intent("deliver", load, person=names.person())]
    if shape < 0.3:
        return [Intent("fetch", load, person=user(names.lang))]
    place, rel = destination(names, "surface", "container", "room", "zone")
    intent = Intent("move", load, place, rel)
    return [replace(intent, **source(names))] if shape < 0.6 else [intent]  # type: ignore[arg-type]


def lot(names: Names) -> Name:
    """Five and more of a kind, or a box of them, under one name: ``six cups``, ``5箱包裹``."""
    return _lot_zh(names) if names.lang == "zh" else _lot_en(names)


def _header_zh(names: Names, but: str = "") -> str:
    """A category and its classifier, as often as there are names under them."""
    headers = [header for header in sections("zh", "things") if header.split()[0] != but]
    sizes = [len(words("zh", "things", header)) for header in headers]
    return names.rng.choices(headers, sizes)[0]


def _lot_zh(names: Names) -> Name:
    header = _header_zh(names, but="drink")
    noun = names.thing(header.split()[0]).text
    measure = names.word("many") + header.split()[1]
    if names.chance(0.3):
        measure = names.word("measure")
    return Name(f"{measure}{noun}", plural=True)


def _lot_en(names: Names) -> Name:
    noun = names.thing("item", "food", "dish", "box", "cargo").text
    many = plural(noun)
    measure = names.word("many")
    if names.chance(0.3):
        measure = names.word("measure")
    return Name(f"{measure} {many}", proper=True, plural=True)


def mixed_counts(names: Names) -> list[Intent]:
    """Two of these and one of those, counted out one by one."""
    items, said = _counted(names, names.rng.choice((2, 2, 3)))
    other = names.thing()
    if names.lang == "zh":
        also = f"{names.rng.choice(('和', '跟', '、', '還有', '以及'))}一個{OPEN}{other.text}{SHUT}"
    else:
        article = (
            ""
            if other.proper or other.plural or other.mass
            else ("an " if other.text[0] in "aeiou" else "a ")
        )
        joint = names.rng.choice((" and ", ", ", " plus ", " as well as "))
        also = f"{joint}{article}{OPEN}{other.text}{SHUT}"
    load, told = (*items, other), f"{said}{also}"
    if names.chance(0.25):
        return [Intent("deliver", load, person=names.person(), says=(told, ""))]
    place, rel = destination(names)
    return [Intent("move", load, place, rel, says=(told, ""))]


def plural(noun: str) -> str:
    """The plural of an English noun, by rule."""
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    if noun.endswith(("ss", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
