"""A mistake on the command line is explained in a line or two, never traced."""

import json
from pathlib import Path

import pytest
from rich.text import Text

from messages.problem import Problem, ProblemCode
from planner_node.cli.app import main
from planner_node.cli.problems import problem_lines

USAGE = 2


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[object, str]:
    """Run the command line; return its exit code and what it wrote."""
    monkeypatch.setattr("sys.argv", ["planner-node", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return left.value.code, out + err


@pytest.mark.parametrize(
    "words",
    [
        ("send", "--robot", "a/b", "hi"),
        ("send", "--robot", "機器人", "hi"),
        ("send", "--robot", "", "hi"),
        ("send", "--task-id", "my task", "hi"),
        ("send", "--task-id", "", "hi"),
        ("watch", "--robot", "#"),
    ],
)
def test_what_is_no_id_is_refused_before_anything_is_sent(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(monkeypatch, capsys, *words)
    assert code == USAGE
    assert "1 to 64 of the characters" in text
    assert "識別碼" in text


@pytest.mark.parametrize(
    "words",
    [("schema", "[/x]"), ("watch", "-c", "/nowhere/[/x]"), ("doctor", "-c", "/nowhere/[/x]")],
)
def test_square_brackets_are_shown_as_they_were_typed(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(monkeypatch, capsys, *words)
    assert code == 1
    assert words[-1] in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("schema",), ["A task in words", "以文字描述的任務"]),
        (("schema", "TaskComand"), ["did you mean TaskCommand?", "您是指 TaskCommand 嗎？"]),
        (("schema", "x"), ["known are ErrorReport, ", "已知的有 ErrorReport, "]),
    ],
)
def test_messages_are_told_in_both_languages(
    words: tuple[str, ...],
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, text = said(monkeypatch, capsys, *words)
    assert [one for one in told if one not in text] == []


def test_a_fault_in_the_file_loses_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "planner.yaml"
    file.write_text("mqtt: [bold]x[red]", "utf-8")
    code, text = said(monkeypatch, capsys, "watch", "-c", str(file))
    assert code == 1
    assert "[bold]x[red]" in text


@pytest.mark.parametrize("command", [("send", "hi"), ("watch",)])
def test_without_a_node_it_is_said_how_to_start_one(
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PLANNER__MQTT__URL", "mqtt://127.0.0.1:1")
    code, text = said(monkeypatch, capsys, *command)
    assert code == 1
    assert "Start the node with `planner-node serve`" in text


@pytest.mark.parametrize("command", [("send", "hi"), ("watch",)])
def test_with_files_of_tls_that_are_none_it_is_said_to_check_them(
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PLANNER__MQTT__URL", "mqtts://127.0.0.1:1")
    monkeypatch.setenv("PLANNER__MQTT__CA_FILE", __file__)
    code, text = said(monkeypatch, capsys, *command)
    assert code == 1
    assert "無法使用 TLS 檔案" in text
    assert "請檢查 mqtt 設定所指定的檔案。" in text
    assert "planner-node serve" not in text


def test_a_problem_with_square_brackets_is_shown_whole() -> None:
    told = Problem.model_validate_json(
        json.dumps(
            {
                "code": ProblemCode.INTERNAL,
                "level": "ERROR",
                "retriable": False,
                "description": "[/x] and [bold]",
                "translations": [{"language": "zh-TW", "description": "[/y]"}],
            }
        )
    )
    shown = "\n".join(Text.from_markup(line).plain for line in problem_lines(told))
    assert "[/x] and [bold]" in shown
    assert "[/y]" in shown
