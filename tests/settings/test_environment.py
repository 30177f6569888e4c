"""The environment wins, and a variable that sets nothing is refused."""

from pathlib import Path

import pytest

from planner_node.errors import SettingsRefused
from planner_node.settings import load
from tests.settings.test_settings import CONFIG, write


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER__MQTT__PORT", "1999")
    assert load(write(tmp_path, "mqtt: {port: 5}")).mqtt.port == 1999


@pytest.mark.parametrize(
    ("name", "words"),
    [("PLANNER__MODDEL__ID", "did you mean model"), ("PLANNER__MODEL__IDD", r"model\.idd")],
)
def test_unknown_key_in_the_environment_is_named(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsRefused, match=words):
        load(CONFIG / "planner.yaml")


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("HTTP__API_KEYS", '["…"]'),
        ("PLANNER__HANDLERS", '["…"]'),
        ("MODEL__MAX_MEMORY", '{"…": "…"}'),
        ("ENGINE__ENDPOINTS", '[{"url": "http://host:port"}]'),
        ("HTTP", '{"…": "…"}'),
    ],
)
def test_a_value_that_must_be_json_is_named_with_its_form(
    key: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER__NODE_ID", "geheim")  # the same text where it is right
    monkeypatch.setenv(f"PLANNER__{key}", "geheim")
    with pytest.raises(SettingsRefused) as refusal:
        load(CONFIG / "planner.yaml")
    assert str(refusal.value).startswith(f"PLANNER__{key} is not JSON; write it as ")
    assert form in str(refusal.value)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PLANNER__MQTT__PROT", "1", "PLANNER__MQTT__PROT: mqtt.prot is not a setting"),
        ("PLANNER__MQTT__URL", "http://x", "PLANNER__MQTT__URL: mqtt: url must be mqtt://"),
        ("PLANNER__NODE_ID", "a b", "PLANNER__NODE_ID: node_id: must be 1 to 64 of"),
        ("PLANNER__JOURNAL__URL", "mysql://x", "journal.url: must be sqlite:///file or"),
        ("PLANNER_MQTT_PORT", "18841", "sets nothing; did you mean PLANNER__MQTT__PORT?"),
        ("PLANNER_NODE_ID", "a", "sets nothing; did you mean PLANNER__NODE_ID?"),
        ("PLANNER_MQTT__URL", "mqtt://h", "sets nothing; did you mean PLANNER__MQTT__URL?"),
        ("planner_http__port", "1", "sets nothing; did you mean PLANNER__HTTP__PORT?"),
        ("PLANNER_NODE__ID", "a", "sets nothing; did you mean PLANNER__NODE_ID?"),
        ("PLANNER__NODE_ID__Y", "a", "sets nothing; did you mean PLANNER__NODE_ID?"),
        ("PLANNER__NODE_ID__", "a", "sets nothing; did you mean PLANNER__NODE_ID?"),
    ],
)
def test_a_fault_of_the_environment_names_the_variable(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused) as refusal:
        load()
    assert words in str(refusal.value)
