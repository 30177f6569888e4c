"""How people type: case, punctuation, width, shortcuts, small mistakes; never inside a name."""

import random
import re
from typing import Final

from planner_node.training.corpus.speech.surface import OPEN, SHUT

_NAME: Final = re.compile(f"{OPEN}(.*?){SHUT}")
_PARTICLE: Final = re.compile(r"\b(up|down|off|out|away|on) (it|them)\b")
_EN_TYPOS: Final = {
    "please": ("pls", "plz", "plese", "pleas"),
    "the": ("teh", "th", "the the"),
    "and": ("&", "adn", "nd"),
    "you": ("u", "yuo"),
    "then": ("than", "thn"),
    "from": ("form", "frm"),
    "put": ("putt", "pt"),
    "place": ("palce", "plce"),
    "bring": ("brign", "brng"),
    "move": ("mvoe", "mov"),
    "take": ("tkae", "tak"),
    "open": ("opne",),
    "table": ("tabel",),
    "with": ("wiht", "w/"),
    "thanks": ("thx", "thank u"),
}
_ZH_TYPOS: Final = {
    "放在": ("放再", "方在"),
    "然後": ("燃後", "然后"),
    "幫我": ("幫偶", "幫窩"),
    "再": ("在",),
    "請": ("情", "請請"),
    "一下": ("一夏",),
    "把": ("吧",),
}
_WIDE_TO_HALF: Final = str.maketrans("，。；：？！", ",.;:?!")


def typed(text: str, lang: str, rng: random.Random, *, ends: bool = True) -> str:
    """Return ``text`` as somebody typed it, without the marks around names.

    Without ``ends`` it is a note or a call: written as it stands, with no end mark.
    """
    names = _NAME.findall(text)
    frame = _NAME.sub(OPEN, text)
    frame = re.sub("  +", " ", frame)
    if ends:
        frame = _english(frame, rng) if lang == "en" else _chinese(frame, rng)
    parts = frame.split(OPEN)
    return "".join(part + name for part, name in zip(parts, [*names, ""], strict=True)).strip()


def _english(frame: str, rng: random.Random) -> str:
    frame = _PARTICLE.sub(r"\2 \1", frame)
    if rng.random() < 0.06:
        frame = _swap_one(frame, _EN_TYPOS, rng, word=True)
    if rng.random() < 0.05:
        frame = re.sub(r"\b(the|a|an) ", "", frame)
    if frame and rng.random() < 0.72:
        frame = re.sub(r"(^|[.?] |\n|\n- |\n\d\. )([a-z])", lambda m: m[1] + m[2].upper(), frame)
    question = frame.endswith("?")
    if question and rng.random() < 0.25:
        frame = frame[:-1] + rng.choice(("", "."))
    elif not question:
        frame += rng.choices((".", "", "!"), (52, 44, 4))[0]
    if rng.random() < 0.03:
        frame = frame.replace(", ", ",")
    if rng.random() < 0.04 and "\n" not in frame:  # as a dictation writes it
        frame = re.sub(r"[,.;!?](?= |$)", "", frame).replace("I ", "i ")
    return frame


def _chinese(frame: str, rng: random.Random) -> str:
    if rng.random() < 0.04:
        frame = _swap_one(frame, _ZH_TYPOS, rng, word=False)
    question = frame.endswith("?")
    if question:
        frame = frame[:-1] + rng.choices(("？", "", "?"), (60, 28, 12))[0]
    else:
        frame += rng.choices(("。", "", "！", "."), (50, 44, 4, 2))[0]
    if rng.random() < 0.06:
        frame = frame.translate(_WIDE_TO_HALF)
    if rng.random() < 0.05:
        frame = frame.replace("，", rng.choice((" ", "")))
    if rng.random() < 0.04 and "\n" not in frame:  # as a dictation writes it
        frame = re.sub("[，。；！？]", "", frame)
    return frame


def _swap_one(
    frame: str, table: dict[str, tuple[str, ...]], rng: random.Random, *, word: bool
) -> str:
    found = [key for key in table if key in frame]
    if not found:
        return frame
    key = rng.choice(found)
    pattern = rf"\b{key}\b" if word else key
    return re.sub(pattern, lambda _: rng.choice(table[key]), frame, count=1)
