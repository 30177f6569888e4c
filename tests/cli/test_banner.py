"""The line to try finds the broker of the node that printed it."""

from pathlib import Path

import pytest

from planner_node.cli.banner import show_banner, try_line
from planner_node.node import build
from planner_node.settings import MqttSettings, Settings, load
from tests.fakes.completion import ScriptedCompleter

CONFIG = Path(__file__).parents[2] / "config" / "planner.yaml"
PLAIN = '.venv/bin/planner-node send "將書本放在側桌上。"'


def line(environment: dict[str, str], config: Path | None = None, **mqtt: object) -> str:
    settings = Settings(mqtt=MqttSettings.model_validate(mqtt))
    return try_line(settings, "mqtt://127.0.0.1:40123", config, environment)


def test_nothing_is_added_to_a_first_run() -> None:
    assert line({"HOME": "/root", "PLANNER__HTTP__PORT": "8001"}) == PLAIN


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PLANNER__MQTT__PORT": "1884"}, "PLANNER__MQTT__PORT=1884 "),
        ({"planner__mqtt__root": "a/b"}, "PLANNER__MQTT__ROOT=a/b "),
        (
            {"PLANNER__MQTT__CA_FILE": "my ca.crt", "PLANNER__MQTT__URL": "mqtts://b"},
            "PLANNER__MQTT__URL=mqtts://b PLANNER__MQTT__CA_FILE='my ca.crt' ",
        ),
    ],
)
def test_what_the_environment_says_of_the_broker_is_passed_on(
    environment: dict[str, str], words: str
) -> None:
    assert line(environment) == words + PLAIN


@pytest.mark.parametrize(
    "environment",
    [
        {"PLANNER__MQTT__URL": "mqtt://ann:geheim@b:9"},
        {"PLANNER__MQTT__URL": "mqtt://ann@b:9", "PLANNER__MQTT__PASSWORD": "geheim"},
    ],
)
def test_a_password_is_asked_for_and_not_printed(environment: dict[str, str]) -> None:
    place = "PLANNER__MQTT__URL=mqtt://b:9 PLANNER__MQTT__USERNAME=ann PLANNER__MQTT__PASSWORD=… "
    assert line(environment) == place + PLAIN


def test_the_nodes_own_user_is_not_for_people() -> None:
    environment = {"PLANNER__MQTT__URL": "mqtt://planner-1@b:9", "PLANNER__MQTT__PASSWORD": "x"}
    place = "PLANNER__MQTT__URL=mqtt://b:9 PLANNER__MQTT__USERNAME=… PLANNER__MQTT__PASSWORD=… "
    assert line(environment) == place + PLAIN


def test_a_free_port_and_the_settings_file_are_named() -> None:
    place = "PLANNER__MQTT__PORT=40123 "
    assert line({}, Path("my node.yaml"), port=0) == f"{place}{PLAIN} --config 'my node.yaml'"


def shown(capsys: pytest.CaptureFixture[str], **mqtt: object) -> str:
    """Return the banner of a node whose journal lies below the working folder."""
    settings = load(CONFIG)
    update = {"mqtt": MqttSettings.model_validate(mqtt)}
    node = build(settings.model_copy(update=update), completer=ScriptedCompleter())
    node.completer.arrive(ScriptedCompleter())
    node.broker_url = node.settings.mqtt.url
    show_banner(node, None)
    return capsys.readouterr().err


async def test_the_journals_whole_path_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"{tmp_path}/var/planner.db" in shown(capsys)


async def test_the_banner_does_not_call_a_node_ready_that_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = shown(capsys)  # its journal is not open
    assert "STARTED, NOT READY planner-1: journal" in text
    assert "尚未就緒" in text


async def test_the_banner_shows_no_user_and_no_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = shown(capsys, url="mqtt://ann:geheim@broker:1883")
    assert "mqtt://broker:1883" in text
    assert "geheim" not in text
    assert "@" not in text
