"""What the environment gets wrong, in words that name the variable."""

import json
import os
from typing import Any, Final, get_origin

from pydantic import BaseModel
from pydantic_settings import SettingsError

from planner_node.errors import SettingsRefused
from planner_node.settings.endpoints import EndpointSettings
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
