"""The OpenAPI document says what the routes really take and answer."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from planner_node.api.app import app

DOCUMENT: dict[str, Any] = app.openapi()
OPERATIONS = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
NAMES = [f"{method} {path}" for path, method, _ in OPERATIONS]
CONTRACT = {
    "/generate",
    "/generate_with_function",
    "/tasks",
    "/tasks/{task_id}",
    "/tasks/{task_id}/cancel",
    "/tasks/{task_id}/answer",
    "/tasks/{task_id}/replan",
    "/tasks/{task_id}/events",
    "/healthz",
    "/readyz",
    "/metrics",
    "/asyncapi.json",
    "/schemas/{name}",
}


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def examples_of(media: dict[str, Any]) -> list[Any]:
    named = [example["value"] for example in media.get("examples", {}).values()]
    return [*named, *([media["example"]] if "example" in media else [])]


def contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    media = [media for part in parts for media in part.get("content", {}).values()]
    return [{"schema": one.get("itemSchema"), **one} for one in media]


def test_every_route_of_the_contract_is_documented() -> None:
    assert set(DOCUMENT["paths"]) >= CONTRACT


@pytest.mark.parametrize("operation", [operation for *_, operation in OPERATIONS], ids=NAMES)
def test_every_example_fits_its_schema(operation: dict[str, Any]) -> None:
    for media in contents(operation):
        for example in examples_of(media):
            validator(media["schema"]).validate(example)


@pytest.mark.parametrize("operation", [operation for *_, operation in OPERATIONS], ids=NAMES)
def test_every_schema_is_a_schema(operation: dict[str, Any]) -> None:
    for media in contents(operation):
        Draft202012Validator.check_schema(media["schema"])
        validator(media["schema"]).is_valid({})  # every reference resolves


@pytest.mark.parametrize("operation", [operation for *_, operation in OPERATIONS], ids=NAMES)
def test_every_route_names_its_refusals(operation: dict[str, Any]) -> None:
    assert {"401", "403", "500"} <= set(operation["responses"])
    assert "HTTPValidationError" not in str(operation)


@pytest.mark.parametrize("path", ["/generate", "/generate_with_function", "/tasks"])
def test_requests_have_examples_in_both_languages(path: str) -> None:
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"zh-TW", "en"}


def test_the_limit_of_new_tokens_is_documented() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    properties = schemas["GenerateRequest"]["properties"]
    for name in ("max_new_tokens", "max_completion_tokens", "max_tokens"):
        assert properties[name]["anyOf"][0]["maximum"] == 4096
    options = schemas["GenerationOptions"]["properties"]["max_new_tokens"]
    assert options["anyOf"][0]["maximum"] == 4096


def test_a_task_over_http_needs_its_robot() -> None:
    assert "robot_id" in DOCUMENT["components"]["schemas"]["TaskOrder"]["required"]


async def test_the_page_of_the_document_needs_nothing_from_elsewhere(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "//" not in policy
    found = re.findall(r"(?:src|href)=\"([^\"]+)\"", answer.text)
    assert len(found) == 3
    for address in (*found, "openapi.json"):
        part = await http.get(f"/{address}")
        assert (part.status_code, bool(part.content)) == (200, True)
    assert (await http.get("/docs/assets/nothing.js")).json()["problem"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_document_is_served(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 200
