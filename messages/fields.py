"""A message's fields before and after its model reads them: which are given, which are unknown."""

import functools
from collections.abc import Iterator, Mapping
from typing import TypeAlias, get_args

from pydantic import BaseModel

from messages.wire import JsonValue

Models: TypeAlias = tuple[type[BaseModel], ...]  # of which a value may be any one


def given_in(model: type[BaseModel], fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the fields without those that are null and optional: null is "not given"."""
    return _given((model,), fields)


def _given(models: Models, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    parts = _parts_of(models)
    return {
        name: _given_in_part(parts.get(name, ()), value)
        for name, value in fields.items()
        if value is not None or not _is_optional(models, name)
    }


def _given_in_part(models: Models, value: JsonValue) -> JsonValue:
    if not models:
        return value
    if isinstance(value, list):
        return [_given_in_part(models, item) for item in value]
    return _given(models, value) if isinstance(value, dict) else value


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


def unknown_in(model: type[BaseModel], value: JsonValue) -> Iterator[str]:
    """Yield the same of a value that did not become a message."""
    yield from _unknown_in((model,), value, "")


def _unknown_in(models: Models, value: JsonValue, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_in(models, item, f"{path}/{index}")
    elif isinstance(value, dict) and all(_ignores_unknown(model) for model in models):
        parts = _parts_of(models)
        for key, item in value.items():
            if key not in parts:
                yield f"{path}/{key}"
            elif parts[key]:
                yield from _unknown_in(parts[key], item, f"{path}/{key}")


def _ignores_unknown(model: type[BaseModel]) -> bool:
    return model.model_config.get("extra") != "forbid"


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
def _parts_of(models: Models) -> Mapping[str, Models]:
    """Return the models that each field holds, itself or in a list: several for several forms."""
    found: dict[str, Models] = {}
    for model in models:
        for name, field in model.model_fields.items():
            found[name] = (*found.get(name, ()), *_models_in(field.annotation))
    return found


def _is_optional(models: Models, name: str) -> bool:
    known = [model.model_fields[name] for model in models if name in model.model_fields]
    return bool(known) and not any(field.is_required() for field in known)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
