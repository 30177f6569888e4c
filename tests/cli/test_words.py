"""Whatever is said at a terminal is said in both languages."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from messages.wording import chinese_of, in_both
from planner_node.cli.app import app
from planner_node.errors import SettingsRefused
from planner_node.settings import load


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "/x/planner.yaml: mqtt.prot is not a setting; did you mean root or port?",
            "/x/planner.yaml: mqtt.prot 不是設定；您是指 root or port 嗎？",
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


@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {port: x, keepalive_s: 0, ca_file: 5, url: 'mqtt://[::1'}",
        "mqtt: {url: 'mqtt://[::1'}",
        "mqtt: {url: 'mqtt://h', ca_file: a, key_file: b}",
        "http: {enabled: 5, trusted_proxies: x}",
        "model: {dtype: x, max_memory: []}",
        "planner: {languages: [5, x], plan_bias_logits: 99}\nlog: 3",
        "engine: {kind: remote, endpoints: [{url: 'http://[::1'}, 5]}",
        "mqtt: {port: 1, port: 2}",
        "nodde_id: x\n1: x",
        "a: [",
    ],
)
def test_each_fault_of_a_file_is_told_once_in_each_language(text: str, tmp_path: Path) -> None:
    file = tmp_path / "planner.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsRefused) as refusal:
        load(file)
    english = [line for line in str(refusal.value).splitlines() if str(file) in line]
    chinese = in_both(str(refusal.value))[len(str(refusal.value).splitlines()) :]
    assert len(chinese) == len([line for line in english if ": " in line])
    assert all(re.search("[一-鿿]", line) for line in chinese)


def test_each_line_is_told_in_both_languages() -> None:
    told = in_both("a: url names no host\nb: url names no host")
    assert told[2:] == ["a：url 沒有主機名稱", "b：url 沒有主機名稱"]


def test_a_sentence_whose_reason_has_several_lines_is_told_whole() -> None:
    told = in_both(
        "The journal x cannot be opened (first\n\tsecond): check the disk and the file's owner, "
        "or set journal.url to another file."
    )
    assert told[2:] == [
        "無法開啟日誌 x（first",
        "\tsecond）：請檢查磁碟與檔案的擁有者，或將 journal.url 設為其他檔案。",
    ]


@pytest.mark.parametrize("command", ["serve", "send", "watch", "doctor", "schema"])
def test_the_list_of_commands_speaks_both_languages(command: str) -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    (line,) = [line for line in shown.splitlines() if line.startswith(f"│ {command} ")]
    assert re.search("[一-鿿]", line)
