"""What is wrong with a setting, in words that name the key and where it was set."""

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from planner_node.errors import SettingsRefused
from planner_node.settings.sections import ENV_PREFIX, Settings

Location = tuple[int | str, ...]
_ID: Final = "must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -"
# What a pattern means to whoever reads no regular expressions.
_FORMS: Final = {
    "node_id": _ID,
    "mqtt.shared_group": _ID,
    "mqtt.root": "must be levels of A-Z a-z 0-9 _ . : - with a / between them",
    "journal.url": "must be sqlite:///file or postgresql://user@host/database",
}


def refusal(error: ValidationError, path: Path) -> SettingsRefused:
    """Return every fault in a line of its own, after the variable or the file that has it."""
    found = [
        (detail["loc"], _explain(detail["type"], detail["loc"], detail["msg"]))
        for detail in error.errors()
    ]
    lines = [f"{_origin(location, path)}: {text}" for location, text in found]
    keys = ", ".join(_dotted(location) for location, _ in found)
    return SettingsRefused("\n".join(lines), file=path, keys=keys)


def refuse_strange_sections(keys: Iterable[str], path: Path) -> None:
    """Refuse what stands at the top of the file and is no setting.

    pydantic does the same below, but takes ``_env_file`` and its like here for its own arguments.

    Raises:
        SettingsRefused: with a line for each.
    """
    strange: list[Location] = [(key,) for key in keys if key not in Settings.model_fields]
    if strange:
        lines = [f"{path}: {_explain('extra_forbidden', one, '')}" for one in strange]
        raise SettingsRefused("\n".join(lines), file=path, keys=", ".join(map(_dotted, strange)))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the nearest names as the end of a sentence, else all of them."""
    near = difflib.get_close_matches(word.lower(), known, n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known are {', '.join(known)}"


def _explain(kind: str, location: Location, message: str) -> str:
    key = _dotted(location)
    if kind == "string_pattern_mismatch" and key in _FORMS:
        return f"{key}: {_FORMS[key]}"
    if kind != "extra_forbidden":
        words = message.removeprefix("Value error, ")
        return f"{key}: {words}" if key else words
    return f"{key} is not a setting{did_you_mean(str(location[-1]), _siblings(location))}"


def _origin(location: Location, path: Path) -> str:
    """Return the variable that set this, the variables of its section, or the file."""
    return ", ".join(_variables(location)) or str(path)


def _variables(location: Location) -> Iterator[str]:
    wanted = f"{ENV_PREFIX}{'__'.join(map(str, location))}".upper()
    for name in sorted(os.environ):
        is_around = wanted.startswith(f"{name.upper()}__")
        if name.upper().startswith(ENV_PREFIX) and (
            name.upper() == wanted or is_around or name.upper().startswith(f"{wanted}__")
        ):
            yield name


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _siblings(location: Location) -> list[str]:
    fields: Any = Settings
    for part in location[:-1]:
        if isinstance(part, int):  # one element of a list of sections
            fields = get_args(fields)[0]
        else:
            fields = fields.model_fields[part].annotation
    return list(fields.model_fields)
