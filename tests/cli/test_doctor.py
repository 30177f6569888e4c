"""The doctor finds what is wrong and says what to do."""

from pathlib import Path

import pytest

from planner_node.broker.embedded import EmbeddedBroker
from planner_node.cli.doctor import examine
from tests.fakes.openai_server import OpenAiServer


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


async def test_a_password_in_the_brokers_url_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with EmbeddedBroker(0) as broker:
        monkeypatch.setenv("PLANNER__MQTT__URL", broker.url.replace("//", "//ann:geheim@"))
        assert await examine(None) == 0
        shown = capsys.readouterr().out
        assert broker.url in shown
    assert "geheim" not in shown


def remote_settings(folder: Path, *urls: str) -> Path:
    """Write settings with these endpoints."""
    endpoints = "".join(f"    - url: {url}\n" for url in urls)
    file = folder / "remote.yaml"
    text = f"engine:\n  kind: remote\n  prompt: chat\n  endpoints:\n{endpoints}"
    file.write_text(text + "planner:\n  plan_bias_logits: 0\n", "utf-8")
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
    assert "127.0.0.1:1 cannot be reached" in capsys.readouterr().out


async def test_no_endpoint_at_all_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examine(remote_settings(tmp_path, "http://127.0.0.1:1")) == 1
    shown = capsys.readouterr().out
    assert "cannot be reached" in shown
    assert "→ See docs/remote.md" in shown
