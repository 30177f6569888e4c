"""Whether an answer fits the schema, and whether it is the text that transformers itself gives."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator


class Judge:
    """Keeps everybody's texts of one model."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = Draft202012Validator({k: v for k, v in schema.items() if k[0] != "x"})
        self._texts: dict[str, dict[int, str]] = {}

    def hear(self, key: str, number: int, text: str) -> bool:
        """Keep what ``key`` answered to a prompt; return whether it fits the schema."""
        self._texts.setdefault(key, {})[number] = text
        try:
            return bool(self._validator.is_valid(json.loads(text)))
        except ValueError:
            return False

    def agreement(self, key: str, reference: str) -> str | None:
        """Return "same of both" over the prompts that both answered; None where there is none."""
        own, other = self._texts.get(key, {}), self._texts.get(reference, {})
        both = own.keys() & other.keys()
        same = sum(own[number] == other[number] for number in both)
        return f"{same} of {len(both)}" if both else None
