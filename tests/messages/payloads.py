"""Payloads of a task command, and the refusal of a bad one."""

import json
from typing import Any

import pytest

from messages.decode import Refused, decode_task


def command(**fields: Any) -> bytes:  # noqa: ANN401  a command's fields have many types
    """A good command with these fields added or changed."""
    return json.dumps({"instruction": "將書本放在側桌上。", **fields}, ensure_ascii=False).encode()


def with_field(json_text: str) -> bytes:
    """Return a good command with one more field, written as it stands."""
    return ('{"instruction": "走", ' + json_text + "}").encode()


def ignored(path: str) -> str:
    """Return the warning of an unknown field."""
    return f"unknown field ignored: {path} · 已忽略未知的欄位：{path}"


def refusal_of(payload: bytes) -> Refused:
    """How the payload is refused; the test fails where it is taken."""
    with pytest.raises(Refused) as caught:
        decode_task(payload)
    return caught.value
