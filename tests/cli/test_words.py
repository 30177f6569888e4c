"""Whatever is said at a terminal is said in both languages."""

import re

import pytest
from typer.testing import CliRunner

from planner_node.cli.app import app
from planner_node.cli.words import chinese_of, in_both


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "/x/planner.yaml: mqtt.prot is not a setting; did you mean root or port?",
            "/x/planner.yaml：mqtt.prot 不是設定；您是指 root or port 嗎？",
        ),
        (
            "PLANNER__MQTT__PORT: mqtt.port: Input should be a valid integer, unable to parse it",
            "PLANNER__MQTT__PORT：mqtt.port：應為整數",
        ),
        ("node_id planner-1", None),
    ],
)
def test_a_sentence_is_found_behind_names(english: str, chinese: str | None) -> None:
    assert chinese_of(english) == chinese


def test_each_line_is_told_in_both_languages() -> None:
    told = in_both("a: url names no host\nb: url names no host")
    assert told[2:] == ["a：url 沒有主機名稱", "b：url 沒有主機名稱"]


@pytest.mark.parametrize("command", ["serve", "send", "watch", "doctor", "schema"])
def test_the_list_of_commands_speaks_both_languages(command: str) -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    (line,) = [line for line in shown.splitlines() if line.startswith(f"│ {command} ")]
    assert re.search("[一-鿿]", line)
