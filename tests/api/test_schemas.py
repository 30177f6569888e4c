"""The wire contract for machines."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from messages.schemas import MESSAGES
from messages.topics import TOPICS
from planner_node.api.asyncapi import document

DOCUMENT = document("planner/v1")


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def resolve(reference: str) -> object:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize("name", MESSAGES)
async def test_every_message_has_its_schema(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/schemas/{name}")
    assert answer.status_code == 200
    Draft202012Validator.check_schema(answer.json())


async def test_the_list_of_schemas_leads_to_each(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/schemas")).json()
    assert set(listed) == set(MESSAGES)
    answers = [await http.get(path) for path in listed.values()]
    assert {answer.status_code for answer in answers} == {200}


async def test_an_unknown_message_is_not_found(http: httpx.AsyncClient) -> None:
    answer = await http.get("/schemas/Nothing")
    assert answer.status_code == 404
    assert "Nothing" in answer.json()["detail"]


async def test_asyncapi_is_served_for_the_configured_root(http: httpx.AsyncClient) -> None:
    assert (await http.get("/asyncapi.json")).json() == document("planner/v1")
    assert document("fleet/a")["channels"]["robot_task"]["address"].startswith("fleet/a/robots/")


def test_every_topic_is_a_channel_with_an_operation() -> None:
    assert set(DOCUMENT["channels"]) == set(DOCUMENT["operations"]) == set(TOPICS)


def test_every_reference_resolves() -> None:
    assert all(isinstance(resolve(reference), dict) for reference in references(DOCUMENT))


@pytest.mark.parametrize("name", TOPICS)
def test_a_channel_names_its_parameters(name: str) -> None:
    channel = DOCUMENT["channels"][name]
    assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))


def test_discriminators_are_names() -> None:
    def discriminators(value: object) -> list[object]:
        if isinstance(value, list):
            return [found for item in value for found in discriminators(item)]
        if not isinstance(value, dict):
            return []
        own = [value["discriminator"]] if "discriminator" in value else []
        return own + [found for item in value.values() for found in discriminators(item)]

    assert all(isinstance(found, str) for found in discriminators(DOCUMENT))


@pytest.mark.parametrize("name", ["retain", "qos"])
def test_bindings_say_what_the_topic_table_says(name: str) -> None:
    told = {key: op["bindings"]["mqtt"][name] for key, op in DOCUMENT["operations"].items()}
    assert told == {key: getattr(topic, name) for key, topic in TOPICS.items()}
