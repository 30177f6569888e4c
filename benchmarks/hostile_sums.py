"""Schemas of ``benchmarks.hostile`` whose parts are all small, and many."""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from pydantic import JsonValue

Properties = dict[str, JsonValue]
_FORMATS: Final = (
    "date-time", "uuid", "email", "ipv6", "uri", "hostname", "date", "time", "duration", "ipv4",
)  # fmt: skip


def cases() -> Iterator[tuple[str, JsonValue]]:
    """Yield what took up to four times the bar when each kind was counted for itself."""
    patterns = {f"p{n}": _pattern(f"[\\s\\S]{{{960 + n}}}") for n in range(32)}
    yield "100 bounded integers", grouped(_integers(100))
    yield "200 bounded integers", grouped(_integers(200))
    yield "14 × 64 formats", grouped(_formats(14 * 64), of=64)
    yield "8 × 64 integers", grouped(_integers(8 * 64), of=64)
    yield "12 × 60 numbers", grouped(_numbers(12 * 60))
    yield "32 patterns and 8 × 64 integers", grouped({**patterns, **_integers(8 * 64)}, of=64)
    yield "patterns, integers and formats", grouped({**patterns, **_integers(40), **_formats(400)})
    yield from _just_allowed()
    yield from _of_one_kind()
    yield from _that_share_nothing()


def grouped(properties: Mapping[str, JsonValue], of: int = 60) -> JsonValue:
    """Return an object of objects: one may not have so many properties."""
    waiting = iter(properties.items())
    groups: Properties = {}
    while group := dict(islice(waiting, of)):
        groups[f"g{len(groups)}"] = _object(group)
    return _object(groups)


def _object(properties: Properties) -> JsonValue:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _integers(number: int) -> Properties:
    return {
        f"n{n}": {
            "type": "integer",
            "minimum": -123_456_789_012_345 - n * 7_919,
            "maximum": 987_654_321_098_765 + n * 104_729,
        }
        for n in range(number)
    }


def _numbers(number: int) -> Properties:
    return {
        f"f{n}": {
            "type": "number",
            "minimum": -(10**14) - n * 17 - n * 3.7,
            "maximum": 10**14 + n * 31 + n * 1.3,
        }
        for n in range(number)
    }


def _formats(number: int) -> Properties:
    return {
        f"d{n}": {"type": "string", "format": _FORMATS[n % len(_FORMATS)]} for n in range(number)
    }


def _pattern(pattern: str) -> JsonValue:
    return {"type": "string", "pattern": pattern}


def _just_allowed() -> Iterator[tuple[str, JsonValue]]:
    """Yield each kind in several numbers: somewhere in between is the most that is accepted."""
    for number in range(20, 70, 5):
        yield f"{number} bounded integers", grouped(_integers(number))
        yield f"{number} numbers", grouped(_numbers(number))
    for number in range(8, 33, 4):
        patterns = {f"p{n}": _pattern(f"(?i)[\\p{{L}}{n}]{{900}}") for n in range(number)}
        yield f"{number} patterns of letters", grouped(patterns)
        patterns = {f"p{n}": _pattern(f"(\\w+\\s\\d+){{100}}{n}") for n in range(number)}
        yield f"{number} patterns of words", grouped(patterns)
        patterns = {f"p{n}": _pattern(f"(a|aa)+{n}$") for n in range(number)}
        yield f"{number} patterns, 30 integers", grouped({**patterns, **_integers(30)})
        yield f"{number} patterns, 600 texts", grouped({**patterns, **_many(600, "string")})


def _of_one_kind() -> Iterator[tuple[str, JsonValue]]:
    """Yield what nobody counted, in several numbers."""
    for number in (50, 100, 150, 200, 300, 400, 600, 800, 1_000, 1_300):
        many = range(number)
        yield f"{number} anything", grouped({f"a{n}": {} for n in many})
        for kind in ("object", "array", "string", "boolean", "integer", "number"):
            yield f"{number} × {kind}", grouped(_many(number, kind))
        kinds: JsonValue = ["string", "null", "object", "array", "number"]
        yield f"{number} of many types", grouped({f"a{n}": {"type": kinds} for n in many})
        yield f"{number} constants", grouped({f"a{n}": {"const": n} for n in many})
        yield f"{number} × bounds alone", grouped({f"a{n}": {"minimum": n} for n in many})
        yield (
            f"{number} maps with counts",
            grouped({f"a{n}": {"type": "object", "maxProperties": 999 - n % 99} for n in many}),
        )
        yield (
            f"{number} lists with counts",
            grouped({f"a{n}": {"type": "array", "minItems": n % 500} for n in many}),
        )
        yield (
            f"{number} nested values",
            grouped({f"a{n}": {"enum": [{"b": {"c": [n, m]}} for m in range(3)]} for n in many}),
        )


def _many(number: int, kind: str) -> Properties:
    return {f"a{n}": {"type": kind} for n in range(number)}


def _that_share_nothing() -> Iterator[tuple[str, JsonValue]]:
    """Yield numbers and formats where what is alike is still compiled for each place."""
    crossed: JsonValue = {"allOf": [{"type": "string"}, {"maxLength": 3}]}
    for number in (40, 60, 80, 100, 200, 400, 800):
        yield f"{number} × integer, crossed", grouped({"x": crossed, **_many(number, "integer")})
        yield f"{number} formats, crossed", grouped({"x": crossed, **_formats(number)})
        urls = {f"u{n}": {"type": "string", "format": "uri"} for n in range(number)}
        yield f"{number} × uri, crossed", grouped({"x": crossed, **urls})


def by_chance(chance: random.Random) -> JsonValue:
    """Return a schema of a few kinds of parts, of so many that the sum may be at its limit."""
    kinds = chance.sample(_PARTS, chance.randint(1, 4))
    number = round(chance.choice([20, 50, 100, 200, 400]) * chance.uniform(0.5, 1.5))
    return grouped({f"q{n}": chance.choice(kinds)(n, chance) for n in range(number)})


Part = Callable[[int, random.Random], JsonValue]
_PARTS: Final[tuple[Part, ...]] = (
    lambda n, by: {"type": "integer", "minimum": -n, "maximum": by.randint(1, 10**15)},
    lambda _n, by: {"type": "number", "exclusiveMinimum": by.random() * 10 ** by.randint(-3, 9)},
    lambda n, by: {"type": "string", "minLength": n % 50, "maxLength": by.randint(50, 9_999)},
    lambda n, by: _pattern(f"[a-z]{{{by.randint(1, 900)}}}{n}"),
    lambda n, by: _pattern(f"(?i)[\\p{{L}}{n}\\P{{Greek}}]{{{by.randint(1, 900)}}}"),
    lambda n, by: _pattern(f"\\w\\W[\\p{{L}}\\P{{Greek}}]{n}" * by.randint(1, 20)),
    lambda _n, _by: {"type": ["object", "array", "null", "string", "integer"]},
    lambda n, by: {"type": "array", "minItems": by.randint(0, 500), "items": {"maxLength": n}},
    lambda n, by: {"type": "object", "minProperties": by.randint(0, 9), "maxProperties": 999 - n},
    lambda n, by: {"enum": [f"{n}{'x' * by.randint(1, 9)}{m}" for m in range(by.randint(2, 30))]},
    lambda n, by: {"enum": [{"a": [n, m], "b": {"c": m}} for m in range(by.randint(2, 10))]},
    lambda n, by: {"const": by.choice([n, [n, {"a": 1}], str(n)])},
    lambda n, _by: {"anyOf": [{"type": "integer", "minimum": n}, {"type": "null"}]},
    lambda n, _by: {"allOf": [_integers(1)["n0"], {"type": "integer", "maximum": n + 9}]},
    lambda _n, by: {"type": "number", "multipleOf": by.randint(2, 90)},
    lambda _n, by: {"type": "string", "format": by.choice(_FORMATS)},
    lambda n, _by: {"properties": {f"{n}-{m}": {"type": "boolean"} for m in range(20)}},
    lambda n, _by: {"properties": {f"a{n}": {}}, "additionalProperties": {"type": "number"}},
)
