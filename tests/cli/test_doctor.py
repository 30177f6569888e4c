"""The doctor finds what is wrong and says what to do."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.cli import journal
from planner_node.cli.doctor import examine
from tests.fakes.openai_server import OpenAiServer

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def _free_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANNER__MQTT__PORT", "0")
    monkeypatch.setenv("PLANNER__HTTP__PORT", "0")
    monkeypatch.setenv("PLANNER__JOURNAL__URL", f"sqlite:///{tmp_path}/planner.db")


async def test_shipped_settings_are_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert await examine(None) == 0
    assert "All is well" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("MODEL__ID", "/no/such/model", "no folder here"),
        ("MQTT__URL", "mqtt://127.0.0.1:1", "127.0.0.1:1"),
        ("MODEL__NAME", "x", "is not a setting"),
        ("PLANNER__TOOLS_DIR", "/no/tools", "/no/tools holds no tool"),
        ("PLANNER__PROMPTS_DIR", "/no/prompts", "system.en.txt is missing"),
        ("PLANNER__HANDLERS", '["nowhere:weather"]', "'nowhere:weather' is not module:function"),
        ("PLANNER__ANSWERS", '["fly"]', 'planner.answers: no tool "fly"'),
        ("PLANNER__ANSWERS", "[]", "planner.answers is empty"),
        ("HTTP__API_KEYS_FILE", "/no/keys", "/no/keys cannot be read"),
        ("MQTT__PASSWORD_FILE", "/no/password", "/no/password cannot be read"),
        ("JOURNAL__URL", "sqlite:///:memory:", "is not sqlite:///"),
        ("MQTT__URL", "mqtt://host:abc", "number from 1 to 65535"),
        ("HTTP__API_KEYS", "abc", "is not JSON"),
        ("HTTP__API_KEYS", '[""]', "Check PLANNER__HTTP__API_KEYS and http.api_keys_file"),
        ("HTTP__HOST", "192.0.2.1", "HTTP cannot listen on 192.0.2.1:0"),  # nobody's address
        ("HTTP__HOST", "192.0.2.1", "PLANNER__HTTP__HOST"),
        ("MODEL__ADAPTER", "/no/adapter", "there is no folder /no/adapter"),
        ("MODEL__ID", str(CONFIG), "holds no model"),
        ("MODEL__ADAPTER", str(CONFIG), "has no adapter_config.json"),
    ],
)
async def test_fault_is_named_with_what_to_do(
    key: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"PLANNER__{key}", value)
    assert await examine(None) == 1
    shown = capsys.readouterr().out
    assert words in shown
    assert "→" in shown


@pytest.fixture
def fly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file of one more tool, with any schema, beside those that are shipped."""
    tools = tmp_path / "tools"
    shutil.copytree(CONFIG / "tools", tools)
    monkeypatch.setenv("PLANNER__PLANNER__TOOLS_DIR", str(tools))
    file = tools / "fly.json"
    put_schema(file, '{"type": "object"}')
    return file


def put_schema(file: Path, schema: str) -> None:
    file.write_text(f'{{"name": "fly", "parameters": {schema}}}', encoding="utf-8")


async def test_a_tool_that_the_embedded_model_does_not_know_is_told_and_no_fault(
    fly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examine(None) == 0
    assert f"never taught {fly.stem}:" in capsys.readouterr().out


async def test_a_tool_that_no_model_could_keep_to_is_a_fault(
    fly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_schema(fly, '{"fnord": 1}')
    assert await examine(None) == 1
    assert str(fly) in capsys.readouterr().out


async def test_the_password_file_of_a_shared_journal_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANNER__JOURNAL__URL", "postgresql://robot@db/planner")
    monkeypatch.setenv("PLANNER__JOURNAL__PASSWORD_FILE", "/no/password")
    assert await examine(None) == 1
    assert "/no/password cannot be read" in capsys.readouterr().out


async def test_a_port_that_is_taken_is_told_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PLANNER__HTTP__PORT", str(port))
        assert await examine(None) == 0
    shown = capsys.readouterr().out
    assert f"something listens on 127.0.0.1:{port}" in shown
    assert "→ Another port" in shown


async def test_a_shared_journal_that_is_away_is_a_fault_and_its_secrets_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "PLANNER__JOURNAL__URL", "postgresql://robot@127.0.0.1:1/planner?sslkey=geheim"
    )
    assert await examine(None) == 1
    shown = capsys.readouterr().out
    assert "The shared journal cannot be opened" in shown
    assert "無法開啟共用日誌" in shown  # libpq's reason has several lines
    assert "geheim" not in shown


async def test_a_journals_folder_that_cannot_be_written_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANNER__JOURNAL__URL", "sqlite:////proc/planner.db")  # even for root
    assert await examine(None) == 1
    assert "/proc cannot be written" in capsys.readouterr().out


@pytest.fixture
def _full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path("/dev/full").open("wb", 0) as full:
        monkeypatch.setattr(journal, "TemporaryFile", lambda **_: full)
        yield


@pytest.mark.usefixtures("_full_disk")
async def test_a_disk_that_is_full_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert await examine(None) == 1
    assert "cannot be written: No space left on device" in capsys.readouterr().out


@pytest.mark.parametrize(("keys", "is_told"), [("[]", True), ('["geheim"]', False)])
async def test_a_door_that_is_open_to_the_network_is_told_and_no_fault(
    keys: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_told: bool
) -> None:
    monkeypatch.setenv("PLANNER__HTTP__HOST", "0.0.0.0")  # noqa: S104
    monkeypatch.setenv("PLANNER__HTTP__API_KEYS", keys)
    assert await examine(None) == 0
    shown = capsys.readouterr().out
    assert ("anyone who reaches it commands the robots" in shown) is is_told
    assert "geheim" not in shown


async def test_a_password_in_the_brokers_url_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with EmbeddedBroker(0) as broker:
        monkeypatch.setenv("PLANNER__MQTT__URL", broker.url.replace("//", "//ann:geheim@"))
        assert await examine(None) == 0
        shown = capsys.readouterr().out
        assert broker.url in shown
    assert "geheim" not in shown


async def test_a_broker_is_not_visited_as_the_node_that_may_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with EmbeddedBroker(0) as broker:
        monkeypatch.setenv("PLANNER__MQTT__URL", broker.url.replace("//", "//planner-1:geheim@"))
        assert await examine(None) == 0
    assert "planner-1 is the node's own user" in capsys.readouterr().out
    assert await examine(None) == 1
    assert "nobody listens at" in capsys.readouterr().out


def remote_settings(folder: Path, *urls: str) -> Path:
    """Write settings with these endpoints."""
    endpoints = "".join(f"    - url: {url}\n" for url in urls)
    file = folder / "remote.yaml"
    text = f"engine:\n  kind: remote\n  prompt: chat\n  endpoints:\n{endpoints}"
    folders = f"  tools_dir: {CONFIG / 'tools'}\n  prompts_dir: {CONFIG / 'prompts'}\n"
    file.write_text(text + "planner:\n  plan_bias_logits: 0\n" + folders, "utf-8")
    return file


async def test_endpoints_are_asked_as_the_node_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with OpenAiServer().listening() as server:
        assert await examine(remote_settings(tmp_path, server.url)) == 0
    shown = capsys.readouterr().out
    assert "has fake; schema in response_format" in shown


async def test_one_lost_endpoint_of_two_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with OpenAiServer().listening() as server:
        file = remote_settings(tmp_path, server.url, "http://127.0.0.1:1")
        assert await examine(file) == 0
    shown = capsys.readouterr().out
    assert "127.0.0.1:1: cannot be reached" in shown
    assert "127.0.0.1:1：無法連線" in shown


async def test_no_endpoint_at_all_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examine(remote_settings(tmp_path, "http://127.0.0.1:1")) == 1
    shown = capsys.readouterr().out
    assert "cannot be reached" in shown
    assert "→ See docs/remote.md" in shown


async def test_a_missing_file_of_tls_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANNER__MQTT__URL", "mqtts://127.0.0.1:1")
    monkeypatch.setenv("PLANNER__MQTT__CA_FILE", "/no/ca.pem")
    assert await examine(None) == 1
    assert "mqtt.ca_file: the file /no/ca.pem cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
async def test_a_file_of_tls_that_is_none_is_told_of_the_files_and_not_of_the_broker(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANNER__MQTT__URL", "mqtts://127.0.0.1:1")
    monkeypatch.setenv(f"PLANNER__MQTT__{key.upper()}", str(CONFIG / "acl"))
    assert await examine(None) == 1
    shown = capsys.readouterr().out
    assert "the TLS files cannot be used" in shown
    assert "無法使用 TLS 檔案" in shown
    assert "→ Check the files that mqtt names" in shown
    assert "PLANNER__MQTT__PASSWORD" not in shown
