"""How much work a regular expression asks for, told without compiling it.

A repetition is unrolled by an automaton, so ``(a{1000}){1000}`` is a million characters; the size
here is that unrolled length. The syntax itself is judged by the grammar library,
which is asked only about what has passed that test.
"""

import re
from typing import Final

from llguidance import LLMatcher

from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.refusal import refusal

_UNBOUNDED: Final = 2  # what * and + weigh: a loop, not an unrolling
# One step of a regular expression; the order matters: the longer reading first.
_STEP: Final = re.compile(
    r"(?P<look>\(\?<?[=!])"
    r"|(?P<back>\\[1-9k])"
    r"|(?P<open>\((?:\?(?:P?<[A-Za-z_]\w*>|[a-zA-Z-]*[:)]))?)"
    r"|(?P<close>\))"
    r"|(?P<times>\{\d{1,9}(?:,\d{0,9})?\}|[*+?])\??"
    r"|(?P<set>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])"
    r"|(?P<atom>\\[pPux]\{[^}]*\}|\\.|.)",
    re.DOTALL,
)
_PATTERN_US: Final = 600  # to read and to compile the smallest
_UNICODE_US: Final = 1_300  # a class of thousands of characters
_FOLDED_US: Final = 13_000  # a wide set, brought to both cases
_UNICODE: Final = re.compile(r"\\[pPwW]")
_FOLDS: Final = re.compile(r"\(\?[a-zA-Z-]*i")
_WIDE: Final = re.compile(r"\\[DSWwPpxuU]|[^\x00-\x7f]|\[[^\]]*\[")
_REFUSED: Final = {
    "look": "has a look-around, which no grammar can keep",
    "back": "has a back-reference, which no grammar can keep",
}


def check_pattern(pattern: str, pointer: str, limits: SchemaLimits) -> None:
    """Raise UnsupportedSchema when ``pattern`` is too large or not understood."""
    if len(pattern) > limits.max_pattern_chars:
        raise refusal(pointer, "pattern", f"is longer than {limits.max_pattern_chars} characters")
    _check_size(pattern, pointer, limits)
    error = LLMatcher.validate_grammar(LLMatcher.grammar_from_regex(pattern))
    if error:
        reason = " ".join(error.split())[:200]
        raise refusal(pointer, "pattern", f"cannot be kept: {reason}")


def pattern_us(pattern: str) -> int:
    """Return how long reading and compiling takes, in µs; measured as ``grammar/work.py`` says."""
    folded = _FOLDS.search(pattern) and _WIDE.search(pattern)
    return (
        _PATTERN_US
        + _UNICODE_US * bool(_UNICODE.search(pattern))
        + _FOLDED_US * (pattern.count("[") if folded else 0)
    )


def _check_size(pattern: str, pointer: str, limits: SchemaLimits) -> None:
    sizes = [0]  # of the groups that are open, the whole expression first
    last = 0  # size of the item that a repetition would repeat
    for step in _STEP.finditer(pattern):
        kind = step.lastgroup or "atom"
        if kind in _REFUSED:
            raise refusal(pointer, "pattern", _REFUSED[kind])
        last = _weigh(kind, step.group(kind), sizes, last)
        if len(sizes) - 1 > limits.max_pattern_depth:
            raise refusal(pointer, "pattern", f"nests over {limits.max_pattern_depth} groups")
        if max(sizes) > limits.max_pattern_size:
            raise refusal(pointer, "pattern", f"unrolls to over {limits.max_pattern_size} steps")


def _weigh(kind: str, text: str, sizes: list[int], last: int) -> int:
    """Take one step into ``sizes``; return the size of the item just read."""
    if kind == "open" and not text.endswith(")"):  # "(?i)" opens nothing
        sizes.append(0)
        return 0
    if kind == "close":
        size = sizes.pop() if len(sizes) > 1 else 0  # a stray ")" is the library's to refuse
        sizes[-1] += size
        return size
    if kind == "times":
        sizes[-1] += last * (_repeats(text) - 1)
        return last * _repeats(text)
    sizes[-1] += 1
    return 1


def _repeats(times: str) -> int:
    """Return how often a repetition is unrolled at most."""
    if times in {"*", "+"}:
        return _UNBOUNDED
    if times == "?":
        return 1
    low, comma, high = times[1:-1].partition(",")
    return max(1, int(high) if high else int(low) + (1 if comma else 0))
