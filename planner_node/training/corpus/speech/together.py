"""How several clauses are told as one request: in order, in reverse, as a list, gapped."""

import random
import re
from functools import cache
from typing import Final, Protocol

from planner_node.training.corpus.lexicon import sections, words
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Name
from planner_node.training.corpus.speech.patterns import expand, fill

LETTERS: Final = "abcde"
_SLOT: Final = re.compile(r"\{([a-e])(?:_(ing|done))?\}")
_SENTENCES: Final = re.compile(
    r"(?:(?:[.;。；，\n] ?)?"
    r"(?:\d\. |- |then |and |also, |oh, and |然後|接著|另外，|還有，)?\{\w\})+$"
)
_PLAIN_SHARE: Final = 0.6
_TRIES: Final = 12
_FROM: Final = ("{f}", "{s}", "{l}", "{S}")


class Teller(Protocol):
    """Who says single clauses, and remembers what was spoken of last."""

    rng: random.Random
    lang: str
    spoken: tuple[Name, ...]
    at: tuple[Name, ...]
    bare: bool
    plain: bool

    def formed(self, intent: Intent, form: str) -> str | None:
        """One clause in a form, or None where it has none."""

    def slots(self, intent: Intent, *, known: bool = False) -> dict[str, str]:
        """What fills the slots of a clause."""


def joined(speaker: Teller, intents: tuple[Intent, ...]) -> str:
    """Two to five intents as one sentence or list; more are told as two halves."""
    if len(intents) > len(LETTERS):
        half = len(intents) // 2
        return ". ".join(joined(speaker, part) for part in (intents[:half], intents[half:]))
    for _ in range(_TRIES):
        said = _told(speaker, intents, speaker.rng.choice(_joins(speaker.lang, len(intents))))
        if said is not None:
            return said
    raise LookupError("no way to tell these together")


@cache
def _joins(lang: str, count: int) -> tuple[str, ...]:
    """The patterns that join so many clauses, line breaks in place."""
    older = sections(lang, "wrappers").get(f"join{count}", ())
    lines = (*older, *sections(lang, "joins")[str(count)])
    return tuple(line.replace("\\n", "\n") for line in lines)


def _told(speaker: Teller, intents: tuple[Intent, ...], pattern: str) -> str | None:
    """Fill a pattern, its clauses drafted in the order in which they are heard."""
    speaker.spoken = speaker.at = ()
    sentences = _SENTENCES.match(pattern) is not None and speaker.rng.random() < _PLAIN_SHARE
    speaker.bare, speaker.plain = sentences, sentences or pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    said: dict[str, str] = {}
    for slot in _SLOT.finditer(pattern):
        clause = speaker.formed(intents[LETTERS.index(slot[1])], slot[2] or "")
        if clause is None:
            return None
        said[slot[0].strip("{}")] = clause
    return fill(pattern, said)


def spread(speaker: Teller, intent: Intent, *, bare: bool) -> str:
    """Each thing to its own place or person, with or without a verb of its own."""
    parts = [(part, speaker.slots(part)) for part in intent.parts]
    if intent.note in {"pair", "same"}:
        return _paired(speaker, intent.note, [slots for _, slots in parts], bare=bare)
    lines = _spreads(speaker.lang, intent.note == "raw", bare, parts[0][0].source is not None)
    for _ in range(_TRIES):
        lead, rest, joint, last = speaker.rng.choice(lines)
        try:
            said = [
                _part(speaker.rng, rest if number else lead, part.person is not None, slots)
                for number, (part, slots) in enumerate(parts)
            ]
        except KeyError:  # "to the box" cannot mean "next to the box"
            continue
        return last.join((joint.join(said[:-1]), said[-1])) if said[1:] else said[0]
    raise LookupError("no way to spread these")


def _paired(speaker: Teller, section: str, parts: list[dict[str, str]], *, bare: bool) -> str:
    """Two things told together: the former and the latter, this one and that one too."""
    slots = {f"{key}{n}": said for n, part in enumerate(parts, 1) for key, said in part.items()}
    lines = sections(speaker.lang, "spreads")[section]
    lines = tuple(line for line in lines if bare or not line.startswith("!"))
    return filled(speaker.rng.choice(lines).removeprefix("!"), slots, speaker.rng)


@cache
def _spreads(lang: str, raw: bool, bare: bool, sourced: bool) -> tuple[tuple[str, ...], ...]:  # noqa: FBT001
    table = sections(lang, "spreads")
    lines = table["raw"] if raw else (*table["said"], *(table["bare"] if bare else ()))
    lines = tuple(line for line in lines if any(slot in line for slot in _FROM) == sourced)
    return tuple(_fields(line) for line in lines)


def _fields(line: str) -> tuple[str, ...]:
    lead, rest, *joints = line.replace("\\n", "\n").split(" ~ ")
    return (lead, rest, *(joint.replace("_", " ") for joint in joints))


def _part(rng: random.Random, field: str, to_person: bool, slots: dict[str, str]) -> str:  # noqa: FBT001
    to_place, to_somebody = field.split(" / ")
    return filled(to_somebody if to_person else to_place, slots, rng)


def filled(pattern: str, slots: dict[str, str], rng: random.Random) -> str:
    """Expand a pattern and fill it; ⟨ and ⟩ stand for brackets that are said."""
    said = fill(expand(pattern, rng), slots)
    return said.replace("⟨", "(").replace("⟩", ")").replace(" 's", "'s")


_DOUBLED: Final = frozenset(words("en", "joins", "doubling verb"))
_SINGLE: Final = frozenset(words("en", "joins", "plain verb"))
_SECOND_VERB: Final = re.compile(
    r"(?:\b(?:and|then|to)\b|[,;.]) (?:then |me )?"
    rf"(?:{'|'.join(sorted(_DOUBLED | _SINGLE))}|drop|tell|report|let|come|see)\b"
)


def gerund(clause: str) -> str | None:
    """``put {o} on …`` as ``putting {o} on …``; None where the clause is not that simple."""
    verb, _, rest = clause.partition(" ")
    if _SECOND_VERB.search(rest) or verb not in _DOUBLED | _SINGLE:
        return None
    if verb in _DOUBLED:
        return f"{verb}{verb[-1]}ing {rest}"
    stem = verb.removesuffix("e")
    return f"{stem}ing {rest}"
