"""The doctor finds what is wrong and says what to do."""

from pathlib import Path

import pytest

from planner_node.cli.doctor import examine


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
