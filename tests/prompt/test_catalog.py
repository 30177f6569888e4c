"""Tools and texts from their folders, or a refusal that names the file."""

import json
from pathlib import Path

import pytest

from planner_node.errors import SettingsRefused, UnknownTool
from planner_node.prompt.catalog import load_catalog
from tests.fakes.catalog import shipped_catalog

TOOL = {"name": "fly", "description": "Fly.", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder of one tool and one of system texts."""
    tools, prompts = tmp_path / "tools", tmp_path / "prompts"
    tools.mkdir()
    prompts.mkdir()
    (tools / "fly.json").write_text(json.dumps(TOOL), encoding="utf-8")
    (prompts / "system.en.txt").write_text("You plan.\n", encoding="utf-8")
    (prompts / "system.zh-TW.txt").write_text("你規劃。\n", encoding="utf-8")
    return tools, prompts


def refused(folders: tuple[Path, Path]) -> str:
    with pytest.raises(SettingsRefused) as caught:
        load_catalog(*folders)
    return str(caught.value)


def test_shipped_catalog_has_the_three_answers() -> None:
    assert set(shipped_catalog().tools) == {"decompose_task", "ask_clarification", "decline_task"}


def test_tool_is_read_in_the_flat_form(folders: tuple[Path, Path]) -> None:
    assert load_catalog(*folders).tool("fly").description == "Fly."


def test_tool_is_read_in_the_openai_form(folders: tuple[Path, Path]) -> None:
    text = json.dumps({"type": "function", "function": TOOL})
    (folders[0] / "fly.json").write_text(text, encoding="utf-8")
    assert load_catalog(*folders).tool("fly").description == "Fly."


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "You plan."), ("fr", "You plan."), ("zh-TW", "你規劃。"), ("zh-Hant-HK", "你規劃。")],
)
def test_system_text_is_that_of_the_nearest_language(
    folders: tuple[Path, Path], language: str, text: str
) -> None:
    assert load_catalog(*folders).system_text(language) == text


def test_own_system_text_of_a_language_wins(folders: tuple[Path, Path]) -> None:
    (folders[1] / "system.fr.txt").write_text("Tu planifies.", encoding="utf-8")
    assert load_catalog(*folders).system_text("fr") == "Tu planifies."


def test_unknown_tool_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownTool, match="decompose_task"):
        shipped_catalog().tool("fly")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '{"name": "x"}', '{"name": "", "parameters": {}}', "[" * 100_000],
)
def test_broken_tool_file_is_refused_by_name(folders: tuple[Path, Path], text: str) -> None:
    (folders[0] / "broken.json").write_text(text, encoding="utf-8")
    assert "broken.json" in refused(folders)


def test_tool_file_that_is_no_utf_8_is_refused_by_name(folders: tuple[Path, Path]) -> None:
    (folders[0] / "broken.json").write_bytes(b"\xff\xfe")
    assert "broken.json" in refused(folders)


def test_two_tools_of_one_name_are_refused(folders: tuple[Path, Path]) -> None:
    (folders[0] / "second.json").write_text(json.dumps(TOOL), encoding="utf-8")
    assert "twice" in refused(folders)


def test_folder_without_tools_is_refused(folders: tuple[Path, Path]) -> None:
    (folders[0] / "fly.json").unlink()
    assert "no tool" in refused(folders)


def test_missing_system_text_is_refused_by_name(folders: tuple[Path, Path]) -> None:
    (folders[1] / "system.zh-TW.txt").unlink()
    assert "system.zh-TW.txt" in refused(folders)


def test_answers_are_the_tools_in_the_order_of_the_settings() -> None:
    names = ["decline_task", "decompose_task"]
    assert [tool.name for tool in shipped_catalog().answers(names)] == names


@pytest.mark.parametrize(("names", "words"), [(["fly"], 'no tool "fly"'), ([], "is empty")])
def test_answers_that_are_not_there_refuse_the_start(names: list[str], words: str) -> None:
    with pytest.raises(SettingsRefused, match=words) as refusal:
        shipped_catalog().answers(names)
    assert refusal.value.references["key"] == "planner.answers"


def test_a_tool_whose_schema_cannot_be_promised_is_refused(folders: tuple[Path, Path]) -> None:
    parameters = {"type": "object", "properties": {}, "fnord": 1}
    text = json.dumps({**TOOL, "parameters": parameters})
    (folders[0] / "fly.json").write_text(text, encoding="utf-8")
    assert refused(folders) == f'{folders[0]}/fly.json: /: "fnord" is not supported here'


def test_answers_whose_schemas_together_cannot_be_promised_are_refused(
    folders: tuple[Path, Path],
) -> None:
    names = [f"fly{place}" for place in range(17)]
    for name in names:
        text = json.dumps({**TOOL, "name": name})
        (folders[0] / f"{name}.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsRefused, match=r"planner\.answers: over 16 tools"):
        load_catalog(*folders).answers(names)
