"""How long the worst input that we know of keeps the node busy, in processor time.

Run: python -m benchmarks.hostile schemas    nasty tool schemas: compiled or refused (bar: 50 ms)
     python -m benchmarks.hostile topics     nasty topics: which row of our table (bar: 1 ms)
     python -m benchmarks.hostile filters    10,000 nasty filters at the embedded broker: who
                                             hears of a topic (bar: 1 ms)

Ends with 1 where something takes longer than its bar.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from pydantic import JsonValue

from benchmarks import hostile_sums
from benchmarks.results import command_of, keep
from planner_node.broker.filters import Filters
from planner_node.errors import UnsupportedSchema
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.tool import ToolUse
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.mqtt.commands import route_of
from planner_node.mqtt.reply import ReplyPolicy
from tests.fakes.grammar import llama_31_vocabulary, tool_with
from tests.grammar.test_schema import REFUSED

Case = tuple[str, JsonValue]
Spent = list[tuple[float, str]]

ROOT: Final = "planner/v1"
_REFUSED: Final = "refused: "
RANDOM_SCHEMAS: Final = 500
BARS_MS: Final = {"schemas": 50.0, "topics": 1.0, "filters": 1.0}
TRIES: Final = 3  # of what is above the bar: the quickest counts, another process may have been in
LONGEST_TOPIC_BYTES: Final = 65_535
NUM_FILTERS: Final = 10_000
PATTERNS: Final = (
    "(a|aa)+$", "([a-z]+)*x", "(a?){30}a{30}", "(.*a){12}", "(.{0,30}x){0,30}", "[\\s\\S]{990}",
    "((a|b){0,30}c){0,30}", "(\\p{L}|\\p{N}){900}", "(x+x+)+y", "(a{1,30}b{1,30}){1,15}",
    ".*.*.*.*=.*", "^(([a-z])+.)+[A-Z]([a-z])+$", "(ab|a|b|ba|aab){60}", "(?i)straße{0,200}",
    "(\\d{1,3}\\.){3}\\d{1,3}(/\\d{1,2})?", "[一-龥]{0,900}", "(.|\\n){0,900}",
    "(a|b|c|d|e|f){150}",
)  # fmt: skip


def at_the_bounds() -> Iterator[Case]:
    """Yield schemas that are as large as the limits let them be, or a little larger."""
    for pattern in PATTERNS:
        yield f"pattern {pattern}", {"type": "string", "pattern": pattern}
        many: dict[str, JsonValue] = {
            f"p{n}": {"type": "string", "pattern": pattern} for n in range(32)
        }
        yield f"32 × {pattern}", {"type": "object", "properties": many, "required": [*many]}
    yield "512 long words", {"enum": [f"{n:0128}" for n in range(512)]}
    yield "512 words that begin alike", {"enum": ["a" * n for n in range(1, 256)]}
    yield "64 lists of 1,000", _of_many({"type": "array", "maxItems": 1_000, "items": {}})
    yield "64 texts of 10,000", _of_many({"type": "string", "maxLength": 10_000})
    yield "64 numbers", _of_many({"type": "integer", "minimum": -(10**15), "maximum": 10**15})
    for width in (2, 8, 16, 63):
        branch: JsonValue = {"type": "object", "properties": {"a": {"type": "string"}}}
        yield f"anyOf {width} alike", {"anyOf": [branch] * width}
    nested: JsonValue = {"type": "string"}
    for _ in range(10):
        nested = {"type": "array", "minItems": 900, "maxItems": 1_000, "items": nested}
        yield "lists of 1,000 within one another", nested
    yield from _that_multiply()
    yield from hostile_sums.cases()
    tree: JsonValue = {"const": 1}
    for _ in range(5):
        tree = {"anyOf": [tree, tree, {"type": "array", "items": tree}]}
        yield "a tree of choices", tree


def _that_multiply() -> Iterator[Case]:
    """Yield what took up to ten seconds before it was refused."""
    words: JsonValue = {"enum": [f"{'x' * 100}{n}" for n in range(100)]}
    below: JsonValue = {"type": "object", "properties": {"a": words}}
    text: JsonValue = {"type": "string", "pattern": "x+[0-9]+"}
    yield "two lists at once", {"allOf": [words, words]}
    yield "two lists at once, below", {"allOf": [below, below]}
    yield "a list and a pattern", {"allOf": [words, text]}
    for step in (997, 4_093, 99_991, 1_000_003, 10**9 + 7, 0.333_333_3):
        yield f"multiples of {step}", {"type": "number", "multipleOf": step}
    yield "multiples of two steps", {"allOf": [{"multipleOf": 997}, {"multipleOf": 991}]}
    steps = {f"p{n}": {"type": "number", "multipleOf": 60 + n, "minimum": n} for n in range(40)}
    yield "multiples of 40 steps", {"type": "object", "properties": steps}
    lists = {f"p{n}": {"enum": [f"{n}-{m}" for m in range(500)], "maxLength": 9} for n in range(8)}
    yield "8 × 500 words and a length", {"type": "object", "properties": lists}
    many = {
        f"p{n}": {"type": "string", "pattern": pattern + str(n), "minLength": n, "maxLength": 9_000}
        for n, pattern in enumerate(2 * PATTERNS[:16])
    }
    yield "32 patterns and lengths", {"type": "object", "properties": many}


def _of_many(schema: dict[str, JsonValue]) -> JsonValue:
    return {"type": "object", "properties": {f"p{n}": schema for n in range(64)}}


def by_chance(chance: random.Random, depth: int = 0) -> JsonValue:
    """Return a schema of everything that the keywords offer."""
    leaves: list[JsonValue] = [
        {"type": "string", "pattern": chance.choice(PATTERNS)},
        {"type": "string", "maxLength": chance.choice([1, 300, 10_000])},
        {"enum": ["x" * chance.randint(1, 200) + str(n) for n in range(100)]},
        {"type": "integer", "minimum": chance.randint(-(10**9), 0)},
    ]
    if depth >= chance.randint(2, 6):
        return chance.choice(leaves)
    inner = [by_chance(chance, depth + 1) for _ in range(chance.randint(1, 6))]
    branches: list[JsonValue] = [
        {"type": "array", "items": inner[0], "maxItems": 1_000},
        {"type": "object", "properties": {f"k{n}": one for n, one in enumerate(inner)}},
        {chance.choice(["anyOf", "allOf", "oneOf"]): inner},
    ]
    return chance.choice(leaves + branches)


def schemas() -> Spent:
    """Return how long each schema takes; those that are refused are called so."""
    vocabulary, chance = llama_31_vocabulary(), random.Random(0)
    cases = [*((name, schema) for name, (schema, _) in REFUSED.items()), *at_the_bounds()]
    cases += [(f"by chance {n}", by_chance(chance)) for n in range(RANDOM_SCHEMAS)]
    cases += [(f"sum {n}", hostile_sums.by_chance(chance)) for n in range(RANDOM_SCHEMAS)]
    GrammarLibrary(vocabulary).prepare()
    return [_of_schema(vocabulary, name, schema) for name, schema in cases]


def _of_schema(vocabulary: Vocabulary, name: str, schema: JsonValue) -> tuple[float, str]:
    tool, spent_ms, end = tool_with(value=schema), [float("inf")], ""
    while min(spent_ms) > BARS_MS["schemas"] and len(spent_ms) <= TRIES:
        library = GrammarLibrary(vocabulary)
        began_s = time.thread_time()
        try:
            library.matcher([tool], ToolUse.REQUIRED)
        except UnsupportedSchema:
            end = _REFUSED
        spent_ms.append(_ms_since(began_s))
    return min(spent_ms), end + name


def topics() -> Spent:
    policy = ReplyPolicy(ROOT, ("answers",))
    fillers = {"levels": "a/", "plus signs": "+/", "roots": f"{ROOT}/", "slashes": "/"}
    beginnings = {"": "", " below the robots": f"{ROOT}/robots/"}
    cases = {
        f"{name}{where}": (begin + filler * LONGEST_TOPIC_BYTES)[:LONGEST_TOPIC_BYTES]
        for name, filler in fillers.items()
        for where, begin in beginnings.items()
    }
    questions: dict[str, Callable[[str], object]] = {
        "which row": lambda topic: route_of(topic, ROOT),
        "may we answer there": policy.fault_of,
    }
    return [
        (_quickest_ms(question, topic), f"{asked}: {name}")
        for name, topic in cases.items()
        for asked, question in questions.items()
    ]


def filters() -> Spent:
    topic = f"{ROOT}/robots/arm-1/tasks/t-1/stream"
    mixtures = ["/".join(one) for one in product(*(("+", level) for level in topic.split("/")))]
    crowds = {
        "plus signs before and behind a name": [
            f"{'+/' * (1 + n % 90)}x{n}/{'+/' * (n % 7)}#" for n in range(NUM_FILTERS)
        ],
        "mixtures of plus signs and the topic's own levels": [
            f"{mixtures[n % len(mixtures)]}/x{n}" for n in range(NUM_FILTERS)
        ],
    }
    return [
        (_quickest_ms(_heard(crowd), topic), f"who hears: {name}") for name, crowd in crowds.items()
    ]


def _heard(crowd: list[str]) -> Callable[[str], object]:
    table = Filters()
    for topic_filter in crowd:
        table[topic_filter] = []
    return lambda topic: list(table.listeners(topic))


def _quickest_ms(question: Callable[[str], object], topic: str) -> float:
    spent: list[float] = []
    for _ in range(20):
        began_s = time.thread_time()
        question(topic)
        spent.append(_ms_since(began_s))
    return sorted(spent)[len(spent) // 2]


def _ms_since(began_s: float) -> float:
    return (time.thread_time() - began_s) * 1_000


def _worst(spent: Spent) -> dict[str, object]:
    ordered = sorted(spent, reverse=True)
    middle_ms = ordered[len(ordered) // 2][0]
    worst = {name: round(ms, 3) for ms, name in ordered[:5]}
    return {"number": len(ordered), "p50_ms": round(middle_ms, 3), "worst_ms": worst}


def verdict(what: str, spent: Spent) -> dict[str, object]:
    """Return the figures, by whether it was refused, and what is above the bar."""
    refused = [(ms, name.removeprefix(_REFUSED)) for ms, name in spent if name.startswith(_REFUSED)]
    others = [(ms, name) for ms, name in spent if not name.startswith(_REFUSED)]
    groups = {"accepted": others, "refused": refused} if what == "schemas" else {what: others}
    over = {name: round(ms, 2) for ms, name in spent if ms > BARS_MS[what]}
    return {
        "bar_ms": BARS_MS[what],
        **{name: _worst(group) for name, group in groups.items()},
        "over_the_bar": over,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=[*BARS_MS])
    parser.add_argument("--keep", action="store_true", help="keep the report in benchmarks/results")
    arguments = parser.parse_args()
    ask = {"schemas": schemas, "topics": topics, "filters": filters}[arguments.what]
    found = verdict(arguments.what, ask())
    report = {"command": command_of("benchmarks.hostile"), **found}
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if arguments.keep:
        keep(f"hostile-{arguments.what}", report)
    sys.exit(bool(found["over_the_bar"]))


if __name__ == "__main__":
    main()
