"""Bytes from strangers → messages, or a typed refusal that names the fault.

The order matters: size, then UTF-8, then brackets, then JSON, then the schema, so that no
input reaches a parser that it could hurt.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from messages.fields import drop_unknown, given_in, unknown_in, unknown_of
from messages.problem import ProblemCode
from messages.task import TaskCommand
from messages.wire import SCHEMA_VERSION, JsonValue

MAX_PAYLOAD_BYTES: Final = 65_536
MAX_DEPTH: Final = 32
# An empty list takes two bytes on the wire and some sixty in memory. A task whose lists are all
# full opens 525; a hand-written tool and the longest conversation that fits a model open fewer.
MAX_BRACKETS: Final = 4_096
MAX_INTEGER_DIGITS: Final = 20
_MAX_NAMED_FIELDS: Final = 16
_MAX_FIELD_CHARS: Final = 128
_MISSING: Final = frozenset({"missing", "value_error"})  # pydantic's word, and a validator of ours
# A whole string is one match, so that a bracket inside it is never seen; nothing here backtracks.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_VERSION: Final = re.compile(r"(\d{1,9})(\.\d{1,9}){0,2}")

Model = TypeVar("Model", bound=BaseModel)


class Refused(Exception):
    """The bytes are not this message.

    ``references`` name the fault, ``ids`` what was readable, ``warnings`` what would be ignored.
    """

    def __init__(
        self,
        code: ProblemCode,
        references: Mapping[str, object],
        ids: Mapping[str, str] | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(code, dict(references))
        self.code = code
        self.references = dict(references)
        self.ids = dict(ids or {})
        self.warnings = list(warnings)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[Model]):
    """A message and the unknown fields that were ignored."""

    message: Model
    warnings: list[str] = field(default_factory=list)


def decode(
    model: type[Model], payload: bytes, limit_bytes: int = MAX_PAYLOAD_BYTES
) -> Decoded[Model]:
    """Read a JSON object as ``model``.

    Raises:
        Refused: too large, not UTF-8, not JSON, or not this message.
    """
    text = text_of(payload, limit_bytes)
    return _validate(model, _object(parse_json(text)), text)


def decode_task(payload: bytes, limit_bytes: int = MAX_PAYLOAD_BYTES) -> Decoded[TaskCommand]:
    """Read a task: a JSON object, a JSON string, or the bare instruction.

    Raises:
        Refused: as ``decode``; a text that opens with a brace or bracket must be JSON.
    """
    text = text_of(payload, limit_bytes)
    if text.startswith(("{", "[")):
        return _validate(TaskCommand, _object(parse_json(text)), text)
    bare: dict[str, JsonValue] = {"instruction": _instruction(text)}
    return _validate(TaskCommand, bare, json.dumps(bare, ensure_ascii=False))


def text_of(payload: bytes, limit_bytes: int = MAX_PAYLOAD_BYTES) -> str:
    """Return the payload as text, without a byte-order mark and outer white space."""
    if len(payload) > limit_bytes:
        _refuse(ProblemCode.PAYLOAD_TOO_LARGE, size_bytes=len(payload), limit_bytes=limit_bytes)
    try:
        return payload.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        _refuse(ProblemCode.MALFORMED_JSON, reason=f"not UTF-8 at byte {error.start}")


def parse_json(text: str) -> JsonValue:
    """Parse strict JSON: no duplicate keys, no NaN, no huge integers, no lone surrogates.

    Raises:
        Refused: with the reason and the place.
    """
    _check_brackets(text)
    try:
        value: JsonValue = _STRICT.decode(text)
        text.encode("utf-8")
        if _SURROGATE_ESCAPE.search(text):  # half a pair has no UTF-8
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        _refuse(ProblemCode.MALFORMED_JSON, reason="lone surrogate")
    except (ValueError, RecursionError) as error:
        _refuse(ProblemCode.MALFORMED_JSON, reason=str(error))
    return value


def _instruction(text: str) -> str:
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            value = parse_json(text)
        except Refused:
            return text
        return value if isinstance(value, str) else text
    return text


def _object(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        _refuse(ProblemCode.SCHEMA_INVALID, reason="the payload must be a JSON object")
    return value


def _validate(model: type[Model], value: dict[str, JsonValue], text: str) -> Decoded[Model]:
    """Validate ``text``, which ``value`` was read from: pydantic reads JSON by JSON's rules."""
    if "null" in text and (given := given_in(model, value)) != value:
        value, text = given, json.dumps(given, ensure_ascii=False)
    _check_version(value)
    try:
        message = model.model_validate_json(text, strict=True)
    except ValidationError as error:
        warnings = _warnings(unknown_in(model, value))
        raise _refusal(error, value, warnings) from error
    warnings = _warnings(unknown_of(message))
    if warnings:
        drop_unknown(message)
    return Decoded(message, warnings)


def _check_version(value: dict[str, JsonValue]) -> None:
    version = value.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, str):
        return  # its type is the schema's business
    given = _VERSION.fullmatch(version)
    if given is None or given[1] != SCHEMA_VERSION.split(".")[0]:
        raise Refused(
            ProblemCode.UNSUPPORTED_VERSION,
            {"schema_version": version, "supported": SCHEMA_VERSION},
            _ids(value),
        )


def _refusal(error: ValidationError, value: dict[str, JsonValue], warnings: list[str]) -> Refused:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    unknown_constraint = any(
        detail["type"] == "extra_forbidden" and detail["loc"][:1] == ("constraints",)
        for detail in details
    )
    code = ProblemCode.UNSUPPORTED_CONSTRAINT if unknown_constraint else ProblemCode.SCHEMA_INVALID
    references: dict[str, str] = {}
    for detail in details[:_MAX_NAMED_FIELDS]:
        path = _path(detail["loc"], value, is_missing=detail["type"] in _MISSING)
        # Of a field that may have several forms, what the first one wants.
        references.setdefault(_shown(path), said_of_field(detail["msg"]))
    return Refused(code, references, _ids(value), warnings)


def _path(place: tuple[str | int, ...], value: JsonValue, *, is_missing: bool) -> str:
    """Return where in ``value`` the fault is.

    Pydantic also names the form of a field that it tried last; what was sent has no such step.
    """
    *steps, last = place or ("",)
    path = ""
    for step in steps:
        if _has(value, step):
            path, value = f"{path}/{step}", value[step]  # type: ignore[index]  # _has saw to it
    if is_missing or _has(value, last):
        path = f"{path}/{last}"
    return path or "/"


def _has(value: JsonValue, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


def said_of_field(message: str) -> str:
    """Return what pydantic says of a field, without the mark that it puts on words of ours."""
    return message.removeprefix("Value error, ")


def _ids(value: dict[str, JsonValue]) -> dict[str, str]:
    """Return the ids as given, so that the refusal can be tied to its task; unchecked."""
    found = ((key, value.get(key)) for key in ("task_id", "robot_id"))
    return {key: item for key, item in found if isinstance(item, str)}


def _warnings(unknown: Iterable[str]) -> list[str]:
    """Name the ignored fields, but not so many that the answer outgrows the question."""
    paths = [*unknown]
    shown = [_shown(path) for path in paths[:_MAX_NAMED_FIELDS]]
    named = [f"unknown field ignored: {path} · 已忽略未知的欄位：{path}" for path in shown]
    if more := len(paths) - len(shown):
        named.append(f"{more} more unknown fields ignored · 另有 {more} 個未知的欄位已忽略")
    return named


def _shown(path: str) -> str:
    """Make a path that a stranger chose fit for a log line: short, and without control signs."""
    if len(path) > _MAX_FIELD_CHARS:
        path = f"{path[:_MAX_FIELD_CHARS]}…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in path)


def _check_brackets(text: str) -> None:
    """Count brackets outside strings, so that no parser recurses too deep or makes too many."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = opened = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "{[":
            depth += 1
            opened += 1
            if depth > MAX_DEPTH:
                _refuse(ProblemCode.MALFORMED_JSON, reason=f"nested deeper than {MAX_DEPTH}")
            if opened > MAX_BRACKETS:
                reason = f"more than {MAX_BRACKETS} brackets are opened"
                _refuse(ProblemCode.MALFORMED_JSON, reason=reason)
        elif match[0] in "}]":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"duplicate key {twice[:_MAX_FIELD_CHARS]!r}")
    return keys


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _small_integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:  # JSON all the same, as is a number beyond every float
        reason = f"an integer has more than {MAX_INTEGER_DIGITS} digits"
        _refuse(ProblemCode.SCHEMA_INVALID, reason=reason)
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if value in {float("inf"), float("-inf")}:
        _refuse(ProblemCode.SCHEMA_INVALID, reason="a number is out of range")
    return value


def _refuse(code: ProblemCode, **references: object) -> NoReturn:
    raise Refused(code, references)


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_constant=_no_constant,
    parse_int=_small_integer,
    parse_float=_finite_float,
)
