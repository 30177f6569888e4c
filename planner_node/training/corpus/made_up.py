"""Names nobody has seen: random characters, syllables, codes and compounds."""

import random
import re
from collections import Counter
from functools import cache
from typing import Final

from planner_node.training.corpus.lexicon import held_out, of_training, sections, words
from planner_node.training.corpus.plans.world import Name, Rel

_CONFUSING: Final = frozenset(
    "把將放到在從和跟與及並再先然後的了嗎請幫拿去給裡上下旁前後內中並或但若如果不別沒有是要會能可以也都只就還這那個我你他她它們們"
)
_CONFUSING_SHARE: Final = 0.03
_TRICKY_SHARE: Final = 0.16
_EN_ROOMS: Final = frozenset({"room", "hall", "wing", "lobby", "corner", "center"})
_RARE: Final = 12
_WORD: Final = re.compile(r"(?<![A-Za-z])[a-z]{4,}(?![A-Za-z])")
_SLOT: Final = re.compile(r"\{\w+\}")
_HEAD_RELS: Final = {"surface": ("place_head_on", Rel.ON), "container": ("place_head_in", Rel.IN)}


@cache
def _common_characters() -> tuple[str, ...]:
    """The 5,401 characters of Big5 level 1, without those that mark grammar."""
    found = []
    for high in range(0xA4, 0xC7):
        for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            char = bytes((high, low)).decode("big5", errors="ignore")
            if "\u4e00" <= char <= "\u9fff" and char not in _CONFUSING:
                found.append(char)
    return tuple(found)


def _characters(rng: random.Random, low: int, high: int) -> str:
    return "".join(_character(rng) for _ in range(rng.randint(low, high)))


def _character(rng: random.Random) -> str:
    """One character; now and then one that elsewhere marks grammar, as in 後車廂 or 往生室."""
    if rng.random() < _CONFUSING_SHARE:
        return rng.choice(sorted(_CONFUSING))
    return rng.choice(_common_characters())


@cache
def _english_words() -> tuple[str, ...]:
    """Every lower-case word of the English lists that training may see."""
    listed = (name for file in ("things", "places") for name in _names(file))
    found = {word for name in listed for word in name.split() if word.isalpha() and len(word) > 3}
    return tuple(sorted(word for word in found if word.islower() and not held_out(word)))


def _names(file: str) -> tuple[str, ...]:
    return tuple(name for header in sections("en", file) for name in words("en", file, header))


@cache
def _said_words() -> tuple[str, ...]:
    """Every rarer word that the English patterns say: ``flood``, ``mind``, ``bucket``.

    A word that is only ever read is one that a model cannot write; as a name it is copied.
    """
    found: Counter[str] = Counter()
    for file in ("frames", "replies", "clauses", "moving", "acting"):
        for patterns in sections("en", file).values():
            for pattern in patterns:
                found.update(_WORD.findall(_SLOT.sub(" ", pattern)))
    return tuple(sorted(w for w, times in found.items() if times <= _RARE and not held_out(w)))


def _spliced(rng: random.Random) -> str:
    """The head of one word and the tail of another: ``plat`` + ``icle``."""
    first, second = rng.choice(_said_words()), rng.choice(_english_words())
    if rng.random() < 0.5:
        first = rng.choice(_english_words())
    return first[: rng.randint(2, len(first) - 1)] + second[rng.randint(1, len(second) - 2) :]


def _letters(rng: random.Random) -> str:
    """Letters in no order a language would give them."""
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyzaeiou") for _ in range(rng.randint(3, 8)))


def _word(rng: random.Random) -> str:
    """One word in the place of a name: said elsewhere, of syllables, spliced, or of letters."""
    kind = rng.random()
    if kind < 0.2:
        return rng.choice(_said_words())
    if kind < 0.45:
        return _syllables(rng)
    return _spliced(rng) if kind < 0.8 else _letters(rng)


def _syllables(rng: random.Random) -> str:
    return "".join(rng.choice(words("en", "others", "syllable")) for _ in range(rng.randint(2, 4)))


def code(rng: random.Random) -> str:
    """A code such as ``A3``, ``SKU-1182``, ``R2-D4`` or ``17``."""
    letter = rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")
    number = rng.choice((rng.randint(1, 9), rng.randint(1, 30), rng.randint(100, 999)))
    shape = rng.randrange(7)
    if shape == 0:
        return f"{letter}{rng.choice('ABCDEFGH')}-{number}"
    if shape == 1:
        return f"{letter}-{number:02d}"
    if shape == 2:
        return (
            rng.choice(("SKU", "WIP", "LOT", "PN", "BOX", "AMR", "QR"))
            + f"-{rng.randint(10, 9999)}"
        )
    if shape == 3:
        return str(number)
    if shape == 4:
        return letter
    return f"{letter}{number}"


def _english(rng: random.Random) -> str:
    shape = rng.randrange(14)
    if shape == 10:  # a compound of known words: "coffee filter bracket"
        return " ".join(rng.choice(_english_words()) for _ in range(rng.choice((2, 2, 2, 3))))
    if shape == 11:
        return f"{_word(rng).capitalize()} {rng.choice(words('en', 'others', 'head'))}"
    if shape == 12:
        unit = rng.choice(("mm", "cm", "ml", "volt", "watt", "inch", "liter"))
        number = rng.choice((2, 3, 5, 8, 10, 12, 20, 24, 50, 100, 500))
        return f"{number} {unit} {rng.choice(words('en', 'others', 'head'))}"
    if shape == 13:
        return f"{rng.choice(_english_words())} {_word(rng)}"
    if shape < 3:
        return _word(rng)
    if shape < 5:
        return f"{_word(rng)} {rng.choice(words('en', 'others', 'head'))}"
    if shape < 7:
        return rng.choice(words("en", "others", "rare"))
    if shape == 7:
        return f"{rng.choice(words('en', 'others', 'color'))} {_word(rng)}"
    if shape == 8:
        rare, head = words("en", "others", "rare"), words("en", "others", "head")
        return f"{rng.choice(rare)} {rng.choice(head)}"
    return f"{_word(rng)} {_word(rng)}"


def thing(rng: random.Random, lang: str, *, unseen: bool = False) -> Name:
    """A made-up thing in ``lang``, or a real one whose name is easily cut short."""
    if rng.random() < _TRICKY_SHARE:
        return Name(_tricky(rng, lang, "tricky_thing", unseen=unseen))
    if lang == "en":
        if rng.random() < 0.06:
            noun = rng.choice(
                ("box", "pallet", "tray", "bin", "tote", "package", "part", "sample", "crate")
            )
            return Name(f"{noun} {code(rng)}", proper=True)
        return Name(_english(rng))
    shape = rng.random()
    if shape < 0.30:
        return Name(_compound(rng))
    if shape < 0.44:
        return Name(_characters(rng, 2, 3))
    if shape < 0.74:
        return Name(_characters(rng, 1, 3) + rng.choice(words("zh", "others", "head")))
    if shape < 0.84:
        attribute = rng.choice(words("zh", "others", rng.choice(("color", "material", "size"))))
        return Name(attribute + _characters(rng, 1, 2) + rng.choice(words("zh", "others", "head")))
    if shape < 0.90:
        return Name(
            rng.choice(("USB", "LEGO", "LED", "IPad", "VR", "GPS", "3C", "T", "AA", "HDMI"))
            + rng.choice(("積木", "隨身碟", "燈泡", "線", "眼鏡", "電池", "恤", "盒", "模組"))
        )
    if shape < 0.95:
        noun = rng.choice(
            ("箱", "貨箱", "料箱", "棧板", "零件", "包裹", "樣品", "工件", "料盤", "批號", "物料")
        )
        return Name(code(rng) + noun) if rng.random() < 0.4 else Name(noun + code(rng))
    return Name(rng.choice(words("en", "others", "rare")), lead=" ")


def _compound(rng: random.Random) -> str:
    """Two known words, or a brand and a word: ``咖啡濾網``, ``Kelvor充電器``."""
    noun = rng.choice(_chinese_words())
    if rng.random() < 0.3:
        return _word(rng).capitalize() + noun
    return rng.choice(_chinese_words()) + noun


@cache
def _chinese_words() -> tuple[str, ...]:
    """The things of the Chinese lists that training may see."""
    listed = {n for header in sections("zh", "things") for n in words("zh", "things", header)}
    return tuple(sorted(n for n in listed if len(n) > 1 and n[0] > "z" and not held_out(n)))


def _tricky(rng: random.Random, lang: str, section: str, *, unseen: bool) -> str:
    return rng.choice(of_training(words(lang, "others", section), unseen=unseen))


def _tricky_place(rng: random.Random, lang: str, *, unseen: bool) -> Name:
    text = _tricky(rng, lang, "tricky_place", unseen=unseen)
    for section, rel in _HEAD_RELS.values():
        if text.endswith(words(lang, "others", section)):
            return Name(text, rel)
    return Name(text, Rel.AT)


def place(rng: random.Random, lang: str, kind: str, *, unseen: bool = False) -> Name:
    """A made-up place whose head noun tells whether things go on, in or at it."""
    if kind == "zone" and rng.random() < 0.5:
        return station(rng, lang)
    if rng.random() < _TRICKY_SHARE:
        return _tricky_place(rng, lang, unseen=unseen)
    section, rel = _HEAD_RELS.get(kind, ("place_head_at", Rel.AT))
    if lang == "en":
        if rng.random() < 0.25:
            return Name(_english(rng), Rel.AT)
        head = rng.choice(words("en", "others", section))
        return Name(f"{_first(rng, lang)} {head}", Rel.IN if head in _EN_ROOMS else rel)
    if rng.random() < 0.12:
        return Name(_characters(rng, 2, 3), Rel.AT)
    return Name(_first(rng, lang) + rng.choice(words("zh", "others", section)), rel)


def _first(rng: random.Random, lang: str) -> str:
    """What stands before the head noun of a made-up place: a known word or one of nobody's."""
    if lang == "en":
        return rng.choice(_english_words()) if rng.random() < 0.4 else _word(rng)
    return rng.choice(_chinese_words()) if rng.random() < 0.3 else _characters(rng, 1, 3)


def station(rng: random.Random, lang: str) -> Name:
    """A coded place: ``A3料架``, ``5號站``, ``rack A3``, ``Room 203``."""
    head = rng.choice(
        words(lang, "places", rng.choice(("station_head", "station_head", "room_head")))
    )
    mark = code(rng)
    if lang == "en":
        if rng.random() < 0.15:
            return Name(mark if mark[0].isalpha() else f"B{mark}", Rel.AT, proper=True)
        return _with_code(rng, head, mark)
    if rng.random() < 0.12:
        return Name(mark if mark[0].isalpha() else f"B{mark}", Rel.AT)
    gap = " " if rng.random() < 0.2 else ""
    number = rng.choice("一二三四五六七八九十") if "號" in head and rng.random() < 0.25 else mark
    return Name(f"{number}{gap}{head}", Rel.ON if head.endswith(("料架", "貨架")) else Rel.AT)


def _with_code(rng: random.Random, head: str, mark: str) -> Name:
    """``rack A3``, ``Room 203``: a code behind the noun takes the article's place."""
    text = f"{head} {mark}"
    said = text if rng.random() < 0.6 else text.title().replace(mark.title(), mark)
    return Name(said, Rel.AT, proper=True)


def charger(rng: random.Random, lang: str) -> Name:
    """A charger with a code or a word of its own: ``dock 3``, ``3 號充電座``, ``cactus plug``."""
    head = rng.choice(words(lang, "chargers", "charger_head"))
    if rng.random() < 0.2:
        return Name(f"{_first(rng, lang)}{' ' * (lang == 'en')}{head.lstrip('號區')}", Rel.AT)
    mark = rng.choice((str(rng.randint(1, 12)), rng.choice("ABCDEFGH"), code(rng)))
    if lang == "zh":
        return _charger_zh(rng, head, mark)
    number = rng.choice(("one", "two", "three", "four", "five", "six"))
    return _with_code(rng, head, number if rng.random() < 0.2 else mark)


def _charger_zh(rng: random.Random, head: str, mark: str) -> Name:
    """A number stands before 號, a bare one behind the noun; a code with a letter at either end."""
    gap = " " if rng.random() < 0.3 else ""
    if head[0] in "號區":
        spelt = rng.random() < 0.25
        before = rng.choice("一二三四五六七八九十") if spelt else f"{mark}{gap}"
        return Name(f"{before}{head}", Rel.AT)
    leads = mark[0].isalpha() and rng.random() < 0.4
    return Name(f"{mark}{gap}{head}" if leads else f"{head}{gap}{mark}", Rel.AT)


def person(rng: random.Random, lang: str) -> Name:
    """A made-up person."""
    if lang == "en":
        given = _word(rng).capitalize()
        title = rng.choice(words("en", "others", "title")) if rng.random() < 0.5 else ""
        return Name(f"{title} {given}".strip(), proper=True)
    surname = rng.choice(
        "陳林黃張李王吳劉蔡楊許鄭謝郭洪邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾游彭詹胡施沈余盧梁趙顏柯翁魏孫戴范方宋"
    )
    if rng.random() < 0.5:
        title = rng.choice(
            ("先生", "小姐", "醫師", "經理", "太太", "老師", "主任", "教授", "護理師", "組長")
        )
        return Name(surname + title, proper=True)
    if rng.random() < 0.25:
        return Name(rng.choice(words("zh", "others", "title")) + "小" + surname, proper=True)
    return Name(surname + _characters(rng, 1, 2), proper=True)
