"""Payloads that were good messages once: cut, spliced, swollen and twisted, from a seed."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, JsonValue

from messages.decode import Decoded, Refused, decode, decode_task
from messages.problem import problem
from messages.robot import RobotProfile
from messages.task import SubtaskFeedback, TaskCommand, TaskControl
from messages.wire import encode
from planner_node.prompt.language import language_of
from planner_node.tasks.content import content_hash

READ: Final[dict[str, type[BaseModel]]] = {
    "TaskCommand": TaskCommand,
    "TaskControl": TaskControl,
    "SubtaskFeedback": SubtaskFeedback,
    "RobotProfile": RobotProfile,
}
_TOKENS: Final = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"true", b"NaN", b"-Infinity"),
    *(b"1e400", b"-0", b"9" * 30, b"1.5", b"\\ud800", b"\\u0000", b"\\uDFFF\\uD800", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80", "\u202e".encode(), "🤖".encode()),
    *(b'"task_id"', b'"instruction"', b'"deadline"', b'"__proto__"', b'"schema_version"'),
    *(b'"9999-12-31T23:59:59Z"', b'"$SYS/#"', b"[" * 40, b'{"a":' * 40, b" " * 100, b"\0"),
)
_VALUES: Final[tuple[JsonValue, ...]] = (
    *(None, True, -1, 0, 50, 101, 2**53, 10**25, 1.5, 1e308, -0.0),
    *("", "x", "x" * 5_000, "a/b", "+", "#", "\u202e", "\ud800", "\0", "\n", "é" * 200),
    *("1.0", "2.0", "zh-TW", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "0001-01-01"),
    *("2026-01-01T00:00:00+14:00", "PLAN_ONLY", "CANCEL", "FAILED", "__proto__", "$SYS"),
    *([], [[]], [None], [""] * 200, ["x"], {}, {"x": 1}, {"max_subtasks": 0}, [{"robot_id": 1}]),
    {"max_subtasks": 5, "forbidden": ["刀"]},
    {"places": ["廚房"], "objects": [""], "notes": "x" * 9_000},
)
_WELL_FORMED: Final = 0.5
_LEFT_OUT: Final = 0.2


@dataclass
class Mutator:
    """An endless supply; what was accepted joins the corpus now and then."""

    chance: random.Random
    corpus: list[bytes] = field(default_factory=list)
    _samples: list[dict[str, JsonValue]] = field(default_factory=list)

    def __post_init__(self) -> None:
        samples = files("messages") / "samples"
        for name in READ:
            sample = json.loads((samples / f"{name}.json").read_text("utf-8"))
            self._samples.append(sample)
            for escape in (False, True):
                self.corpus.append(json.dumps(sample, ensure_ascii=escape).encode())
        self.corpus += ["將書本放在側桌上。".encode(), b'"put the book away"', b"{}", b""]

    def payload(self) -> bytes:
        """Return the next one: every other is JSON, with values that nobody expects."""
        if self.chance.random() < _WELL_FORMED:
            return self._well_formed()
        payload = bytearray(self.chance.choice(self.corpus))
        for _ in range(self.chance.randint(1, 5)):
            self._twist(payload)
        return bytes(payload)

    def _well_formed(self) -> bytes:
        sample = dict(self.chance.choice(self._samples))
        for _ in range(self.chance.randint(0, 3)):
            key = self.chance.choice([*sample, "unknown", "constraints", "context", "robots"])
            if self.chance.random() < _LEFT_OUT:
                sample.pop(key, None)
            else:
                sample[key] = self.chance.choice(_VALUES)
        is_escaped = self.chance.random() < _WELL_FORMED
        return json.dumps(sample, ensure_ascii=is_escaped).encode("utf-8", "surrogatepass")

    def _twist(self, payload: bytearray) -> None:
        chance = self.chance
        place = chance.randrange(len(payload) + 1)
        match chance.randrange(7):
            case 0 if place < len(payload):
                payload[place] ^= 1 << chance.randrange(8)
            case 1:
                payload[place:place] = chance.choice(_TOKENS)
            case 2:
                del payload[place : place + chance.randint(1, 20)]
            case 3:
                other = chance.choice(self.corpus)
                payload[place:] = other[chance.randrange(len(other) + 1) :]
            case 4:
                payload[place:place] = payload[place : place + chance.randint(1, 60)]
            case 5:
                payload[place:place] = chance.randbytes(chance.randint(1, 4))
            case _:
                del payload[place:]


def decoded(payload: bytes, name: str) -> str:
    """Read a payload as this message, as the doors do; return the outcome's name.

    Any exception that leaves here is a bug: it has no type that a sender could be told.
    """
    try:
        found: Decoded[BaseModel] | Decoded[TaskCommand]
        found = decode_task(payload) if name == "TaskCommand" else decode(READ[name], payload)
    except Refused as refused:
        encode(problem(refused.code, refused.references))  # the answer can be sent
        return refused.code
    written = found.message.model_dump_json()
    if READ[name].model_validate_json(written) != found.message:
        raise AssertionError(f"does not survive the journal: {written}")
    if isinstance(found.message, TaskCommand):
        content_hash(found.message)
        language_of(found.message.instruction)
    return "accepted"


def run(mutator: Mutator, payloads: int) -> tuple[Counter[str], list[tuple[str, bytes, str]]]:
    """Read many payloads; return the outcomes, and what raised something without a type."""
    outcomes: Counter[str] = Counter()
    untyped: list[tuple[str, bytes, str]] = []
    names = list(READ)
    for number in range(payloads):
        payload, name = mutator.payload(), names[number % len(names)]
        try:
            outcome = decoded(payload, name)
        except Exception as error:  # noqa: BLE001  what must not happen, so it is collected
            outcome = "untyped"
            untyped.append((name, payload, f"{type(error).__name__}: {error}"))
        outcomes[outcome] += 1
        if outcome == "accepted" and len(mutator.corpus) < 500 and payload not in mutator.corpus:
            mutator.corpus.append(payload)
    return outcomes, untyped
