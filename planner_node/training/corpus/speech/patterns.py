"""A tiny pattern language: ``(a|b)`` is a choice, ``(a)?`` is a or nothing, ``{x}`` a slot."""

import random
import re
from functools import cache

Node = str | tuple["tuple[Node, ...]", ...]

_TOKEN = re.compile(r"\)\?|[()|]|[^()|]+")


@cache
def _parse(pattern: str) -> tuple[Node, ...]:
    tokens = _TOKEN.findall(pattern)
    nodes, rest = _sequence(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"unbalanced pattern: {pattern}")
    return nodes


def _sequence(tokens: list[str], at: int) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    while at < len(tokens) and tokens[at] not in {"|", ")", ")?"}:
        if tokens[at] == "(":
            node, at = _choice(tokens, at + 1)
            nodes.append(node)
        else:
            nodes.append(tokens[at])
            at += 1
    return tuple(nodes), at


def _choice(tokens: list[str], at: int) -> tuple[Node, int]:
    options: list[tuple[Node, ...]] = []
    while True:
        option, at = _sequence(tokens, at)
        options.append(option)
        if at >= len(tokens):
            raise ValueError("unbalanced pattern")
        if tokens[at] != "|":
            break
        at += 1
    if tokens[at] == ")?":
        options.append(())
    return tuple(options), at + 1


def expand(pattern: str, rng: random.Random) -> str:
    """Return ``pattern`` with every choice made at random; slots stay as they are."""
    return "".join(_pick(node, rng) for node in _parse(pattern))


def _pick(node: Node, rng: random.Random) -> str:
    if isinstance(node, str):
        return node
    return "".join(_pick(child, rng) for child in rng.choice(node))


def fill(pattern: str, slots: dict[str, str]) -> str:
    """Return ``pattern`` with ``{x}`` replaced; what fills a slot is never read again."""
    return re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], pattern)
