"""Who may come in."""

import logging
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from planner_node.api.app import create_app, warn_if_open
from planner_node.api.guard import OPEN_PATHS, is_local_name
from planner_node.api.limits import keys_of
from planner_node.errors import SettingsRefused
from planner_node.settings import HttpSettings
from tests.api.house import House, a_house
from tests.api.test_tasks import TASK
from tests.fakes.completion import ScriptedCompleter

KEY = "correct horse"


def client_of(house: House, address: str = "http://127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(house.parts, house.limits))
    return httpx.AsyncClient(transport=transport, base_url=address)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": "鑰匙".encode()}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer {KEY}"}, 200),
        ({"X-API-Key": KEY}, 200),
    ],
)
async def test_a_key_is_asked_for_where_keys_are_set(
    completer: ScriptedCompleter, headers: dict[str, str | bytes], status: int
) -> None:
    async with (
        a_house(completer, keys=(b"another", KEY.encode())) as house,
        client_of(house) as http,
    ):
        raw = [
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers.items()
        ]
        answer = await http.get("/tasks", headers=raw)
    assert answer.status_code == status


@pytest.mark.parametrize("key", ["鑰匙", "clé", "voilà", "\u0085"])
@pytest.mark.parametrize(
    ("name", "before"),
    [("Authorization", b"Bearer  "), ("Authorization", b"bearer "), ("X-API-Key", b"")],
)
async def test_a_key_beyond_ascii_fits_as_it_was_sent(
    completer: ScriptedCompleter, key: str, name: str, before: bytes
) -> None:
    async with a_house(completer, keys=(key.encode(),)) as house, client_of(house) as http:
        raw = [(name.encode(), before + key.encode())]
        assert (await http.get("/tasks", headers=raw)).status_code == 200


async def test_a_refusal_says_how_to_send_a_key(completer: ScriptedCompleter) -> None:
    async with a_house(completer, keys=(KEY.encode(),)) as house, client_of(house) as http:
        answer = await http.post("/tasks", json=TASK)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["problem"]["code"] == "UNAUTHORIZED"
    assert "X-API-Key" in answer.json()["detail"]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS | {"/schemas", "/schemas/TaskCommand"}))
async def test_probes_and_documents_need_no_key(completer: ScriptedCompleter, path: str) -> None:
    async with a_house(completer, keys=(KEY.encode(),)) as house, client_of(house) as http:
        answer = await http.get(path)
    assert answer.status_code != 401


async def test_metrics_need_the_key(completer: ScriptedCompleter) -> None:
    async with a_house(completer, keys=(KEY.encode(),)) as house, client_of(house) as http:
        assert (await http.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[x"}, 403),
        ({"Host": "["}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": "[x]"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://127.0.0.1"}, 202),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"}, 202),
        ({}, 202),
    ],
)
async def test_a_page_of_another_origin_cannot_give_tasks(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await http.post("/tasks", json=TASK, headers=headers)).status_code == status


@pytest.mark.parametrize("header", ["Origin", "Host"])
async def test_who_needs_no_key_is_not_told_to_send_one(
    http: httpx.AsyncClient, header: str
) -> None:
    headers = {header: "https://evil.example" if header == "Origin" else "evil.example"}
    problem = (await http.post("/tasks", json=TASK, headers=headers)).json()["problem"]
    assert "API key" not in problem["hint"]
    assert "API 金鑰" not in problem["translations"][0]["hint"]
    assert problem["translations"][0]["references"]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        (None, True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("192.168.1.20:8000", True),
        ("localhost:8000", True),
        ("planner:8000", True),
        ("robot.local", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("[", False),
    ],
)
def test_a_local_name_is_told_from_a_strangers(*, host: str | None, local: bool) -> None:
    assert is_local_name(host) is local


async def test_a_strangers_host_name_is_refused_without_keys(house: House) -> None:
    async with client_of(house, "http://evil.example") as http:
        assert (await http.get("/tasks")).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_come_by_any_host_name(house: House, path: str) -> None:
    async with client_of(house, "http://planner.robots.example") as http:
        assert (await http.get(path)).status_code == 200


async def test_any_host_name_is_fine_with_a_key(completer: ScriptedCompleter) -> None:
    async with (
        a_house(completer, keys=(KEY.encode(),)) as house,
        client_of(house, "http://planner.example") as http,
    ):
        answer = await http.get("/tasks", headers={"X-API-Key": KEY})
    assert answer.status_code == 200


async def test_any_host_name_is_fine_behind_a_trusted_proxy(completer: ScriptedCompleter) -> None:
    settings = HttpSettings(trusted_proxies=["10.0.0.1"])
    async with (
        a_house(completer, http=settings) as house,
        client_of(house, "http://planner.example") as http,
    ):
        assert (await http.get("/tasks")).status_code == 200


def test_keys_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("second\n\n third \n", encoding="utf-8")
    settings = HttpSettings(api_keys=[SecretStr("first")], api_keys_file=file)
    assert keys_of(settings) == (b"first", b"second", b"third")


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_named_file_without_a_key_does_not_open_the_door(text: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(text, encoding="utf-8")
    settings = HttpSettings(api_keys=[SecretStr("first")], api_keys_file=file)
    with pytest.raises(SettingsRefused, match=r"holds no key: [\s\S]*沒有任何金鑰"):
        keys_of(settings)


@pytest.mark.parametrize("keys", [[""], [" "], ["first", ""]])
def test_an_empty_key_does_not_open_the_door(keys: list[str]) -> None:
    settings = HttpSettings(api_keys=[SecretStr(key) for key in keys])
    with pytest.raises(SettingsRefused, match=r"an empty key: [\s\S]*空的金鑰"):
        keys_of(settings)


@pytest.mark.parametrize(
    ("host", "has_keys", "warnings"),
    [("0.0.0.0", False, 1), ("0.0.0.0", True, 0), ("127.0.0.1", False, 0), ("::1", False, 0)],  # noqa: S104
)
def test_an_open_door_is_warned_of(
    caplog: pytest.LogCaptureFixture, *, host: str, has_keys: bool, warnings: int
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_if_open(HttpSettings(host=host), has_keys=has_keys)
    assert len(caplog.records) == warnings


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/docs", "/"])
async def test_every_answer_carries_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
