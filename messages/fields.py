"""A message's fields before and after its model reads them: which are given, which are unknown."""

import functools
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from messages.wire import JsonValue


def given_in(model: type[BaseModel], fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the fields without those that are null and optional: null is "not given"."""
    parts = _parts_of(model)
    return {
        name: _given_in_part(parts[name], value) if name in parts else value
        for name, value in fields.items()
        if value is not None or not _is_optional(model, name)
    }


def _given_in_part(model: type[BaseModel], value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_given_in_part(model, item) for item in value]
    return given_in(model, value) if isinstance(value, dict) else value


def unknown_of(message: object, path: str = "") -> Iterator[str]:
    """Yield where a message has fields that its model does not know."""
    if isinstance(message, BaseModel):
        yield from (f"{path}/{key}" for key in message.model_extra or {})
        for name, item in message.__dict__.items():
            if isinstance(item, BaseModel | list):
                yield from unknown_of(item, f"{path}/{name}")
    elif isinstance(message, list):
        for index, item in enumerate(message):
            yield from unknown_of(item, f"{path}/{index}")


def unknown_in(model: type[BaseModel], value: JsonValue, path: str = "") -> Iterator[str]:
    """Yield the same of a value that did not become a message."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_in(model, item, f"{path}/{index}")
    elif isinstance(value, dict) and model.model_config.get("extra") != "forbid":
        parts = _parts_of(model)
        for key, item in value.items():
            if key not in model.model_fields:
                yield f"{path}/{key}"
            elif (part := parts.get(key)) is not None:
                yield from unknown_in(part, item, f"{path}/{key}")


def drop_unknown(message: object) -> None:
    """Let go of the ignored fields, which would be held, stored and shown as long as the task."""
    if isinstance(message, BaseModel):
        if extra := message.model_extra:
            message.model_fields_set.difference_update(extra)
            extra.clear()
        for item in message.__dict__.values():
            drop_unknown(item)
    elif isinstance(message, list):
        for item in message:
            drop_unknown(item)


@functools.cache
def _parts_of(model: type[BaseModel]) -> Mapping[str, type[BaseModel]]:
    """Return the fields that hold one other model, or a list of it."""
    found = {name: _models_in(field.annotation) for name, field in model.model_fields.items()}
    return {name: models[0] for name, models in found.items() if len(models) == 1}


def _is_optional(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and not field.is_required()


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
