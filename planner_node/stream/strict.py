"""JSON as RFC 8259 has it: Python's reader also takes NaN and lone surrogates, robots do not."""

import json

from pydantic import JsonValue


def strict_loads(text: str) -> JsonValue:
    """Parse one document; raise ValueError for anything that could not be sent on as UTF-8 JSON."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if "\\ud" in text or "\\uD" in text:  # a surrogate, which is fine in pairs only
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is not JSON")
