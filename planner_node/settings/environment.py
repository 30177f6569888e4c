"""What the environment gets wrong, in words that name the variable."""

import json
import os
from collections.abc import Iterator
from typing import Any, Final, get_origin

from pydantic import BaseModel
from pydantic_settings import SettingsError

from planner_node.errors import SettingsRefused
from planner_node.settings.endpoints import EndpointSettings
from planner_node.settings.refusal import did_you_mean
from planner_node.settings.sections import ENV_PREFIX, Settings

_EXAMPLES: Final[dict[Any, str]] = {
    list[EndpointSettings]: '[{"url": "http://host:port"}]',
    list: '["…"]',
    dict: '{"…": "…"}',
}


def not_json(error: SettingsError) -> SettingsRefused:
    """Name the variable whose value is not JSON, and say how to write it.

    pydantic names only the section, but hands on the text that it could not read. The text may
    be a key that is secret, so it is compared and not shown.
    """
    cause = error.__cause__
    text = cause.doc if isinstance(cause, json.JSONDecodeError) else None
    for name, value in os.environ.items():
        if value == text and (example := _example(name)):
            return SettingsRefused(
                f"{name} is not JSON; write it as {name}='{example}'. 必須寫成 JSON。", key=name
            )
    return SettingsRefused(f"The environment: {error}")


def refuse_strange_names() -> None:
    """Refuse a variable that was meant for us and sets nothing.

    Raises:
        SettingsRefused: one has no section of ours, keys below what has none, or a single
            underscore where two belong.
    """
    meant = {name.replace("__", "_"): name for name in _names()}
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            _refuse_strange_section(name)
        elif (right := meant.get(name.upper().replace("__", "_"))) is not None:
            raise SettingsRefused(f"{name} sets nothing; did you mean {right}?")


def _refuse_strange_section(name: str) -> None:
    section, *keys = name[len(ENV_PREFIX) :].lower().split("__")
    field = Settings.model_fields.get(section)
    if field is None:
        near = did_you_mean(section, list(Settings.model_fields))
        raise SettingsRefused(f"{name} sets nothing: {section} is not a section{near}")
    if keys and not _is_section(field.annotation):
        right = f"{ENV_PREFIX}{section}".upper()
        raise SettingsRefused(f"{name} sets nothing; did you mean {right}?")


def _names() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        inner: Any = field.annotation
        keys = [f"__{key}" for key in inner.model_fields] if _is_section(inner) else [""]
        yield from (f"{ENV_PREFIX}{section}{key}".upper() for key in keys)


def _example(name: str) -> str | None:
    """Return how the variable's value looks in JSON; None where it need not be JSON."""
    annotation: Any = Settings
    if not name.upper().startswith(ENV_PREFIX):
        return None
    for key in name[len(ENV_PREFIX) :].lower().split("__"):
        if not _is_section(annotation) or key not in annotation.model_fields:
            return None
        annotation = annotation.model_fields[key].annotation
    if _is_section(annotation):
        return _EXAMPLES[dict]
    known = (one for one in (annotation, get_origin(annotation)) if one in _EXAMPLES)
    return next((_EXAMPLES[one] for one in known), None)


def _is_section(annotation: Any) -> bool:  # noqa: ANN401  an annotation is any object
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
