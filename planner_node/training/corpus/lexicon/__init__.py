"""Reads the word lists and phrase patterns that lie beside this file.

Rule 1: a list file has ``[section]`` headers; ``#`` starts a comment line. A folder is a list too.
Rule 2: what is said is data here, never a literal in the generator.
"""

import zlib
from functools import cache
from importlib.resources import files
from typing import Final

_EVERYDAY: Final = frozenset({"側桌", "桌子", "table"})


@cache
def sections(lang: str, file: str) -> dict[str, tuple[str, ...]]:
    """Return ``{header: lines}`` of ``lexicon/<lang>/<file>.txt``, repeated headers joined."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _text(lang, file).splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("["):
            header, _, rest = line[1:].partition("]")
            current = found.setdefault(header, [])
            if rest:
                current.append(rest.strip())
        else:
            current.append(line)
    return {header: tuple(lines) for header, lines in found.items()}


def whole(lang: str) -> str:
    """All lists of a language, one text after another: for a checksum."""
    folder = files(__package__).joinpath(lang)
    names = sorted(part.name.removesuffix(".txt") for part in folder.iterdir())
    return "\n".join(_text(lang, name) for name in names)


def _text(lang: str, file: str) -> str:
    """A list file, or those of a folder of that name one after another, ordered by name."""
    folder = files(__package__).joinpath(lang, file)
    if not folder.is_dir():
        return files(__package__).joinpath(lang, f"{file}.txt").read_text(encoding="utf-8")
    parts = sorted(folder.iterdir(), key=lambda part: part.name)
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


@cache
def words(lang: str, file: str, section: str) -> tuple[str, ...]:
    """Return the names of one section, split at commas (English) or spaces (Chinese)."""
    lines = sections(lang, file).get(section, ())
    if lang == "en":
        return tuple(w.strip() for line in lines for w in line.split(",") if w.strip())
    return tuple(w for line in lines for w in line.split())


@cache
def things(lang: str, category: str) -> tuple[str, ...]:
    """Return the things of one category, those of all its classifiers (Chinese) together."""
    headers = [h for h in sections(lang, "things") if h.split()[0] == category]
    return tuple(name for header in headers for name in words(lang, "things", header))


def held_out(text: str) -> bool:
    """Whether a listed name is kept out of training: one in ten, by a stable hash.

    Never one that nobody does without, like that of the seed's own example.
    """
    return zlib.crc32(text.encode()) % 10 == 0 and text not in _EVERYDAY


@cache
def of_training(names: tuple[str, ...], *, unseen: bool = False) -> tuple[str, ...]:
    """Return those names of a list that training shows; with ``unseen`` the others."""
    return tuple(name for name in names if held_out(name) == unseen)
