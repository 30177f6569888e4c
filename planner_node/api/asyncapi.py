"""The MQTT side as an AsyncAPI 3.0 document, made from the table of topics and the models."""

import json
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from messages.topics import TOPICS, Direction, Topic
from messages.wire import ID_PATTERN, SCHEMA_VERSION
from planner_node import __doc__ as house

_REF: Final = "#/components/schemas/{model}"
_BINDING_VERSION: Final = "0.2.0"


@cache
def rendered(root: str) -> bytes:
    """Return the document as UTF-8 JSON; made once, since it takes a while."""
    return json.dumps(document(root), ensure_ascii=False).encode()


def document(root: str) -> dict[str, Any]:
    """Return the document for topics under ``root``; directions are the node's own."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Robot task planner node · MQTT",
            "version": SCHEMA_VERSION,
            "description": (house or "").strip(),
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(topic, root) for name, topic in TOPICS.items()},
        "operations": {name: _operation(name, topic) for name, topic in TOPICS.items()},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channel(topic: Topic, root: str) -> dict[str, Any]:
    name = topic.message.__name__
    channel: dict[str, Any] = {
        "address": f"{root}/{topic.pattern}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }
    if topic.ids:
        about = f"An id: {ID_PATTERN}"
        channel["parameters"] = {name: {"description": about} for name in topic.ids}
    return channel


def _operation(name: str, topic: Topic) -> dict[str, Any]:
    binding: dict[str, Any] = {
        "qos": topic.qos,
        "retain": topic.retain,
        "bindingVersion": _BINDING_VERSION,
    }
    if topic.message_expiry_s is not None:
        binding["messageExpiryInterval"] = topic.message_expiry_s
    return {
        "action": "receive" if topic.direction is Direction.IN else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{topic.message.__name__}"}],
        "bindings": {"mqtt": binding},
    }


def _messages() -> dict[str, Any]:
    return {
        model.__name__: {
            "name": model.__name__,
            "summary": (model.__doc__ or "").strip().splitlines()[0],
            "contentType": "application/json",
            "payload": {"$ref": _REF.format(model=model.__name__)},
        }
        for model in _models()
    }


def _models() -> list[type[BaseModel]]:
    return list(dict.fromkeys(topic.message for topic in TOPICS.values()))


def _schemas() -> dict[str, Any]:
    _, definitions = models_json_schema(
        [(model, "validation") for model in _models()], ref_template=_REF
    )
    schemas: dict[str, Any] = _plain_discriminators(definitions["$defs"])
    return schemas


def _plain_discriminators(schema: Any) -> Any:  # noqa: ANN401  any JSON
    """Write discriminators as AsyncAPI wants them: the property's name, not OpenAPI's object."""
    if isinstance(schema, list):
        return [_plain_discriminators(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain_discriminators(value) for key, value in schema.items()}
    if isinstance(found := plain.get("discriminator"), dict) and "propertyName" in found:
        plain["discriminator"] = found["propertyName"]
    return plain
