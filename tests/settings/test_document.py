"""What a file says counts, or is refused with its place; nothing of it is dropped."""

from pathlib import Path

import pytest

from messages.wording import in_chinese
from planner_node.errors import SettingsRefused
from planner_node.settings import load
from tests.settings.test_settings import write


def refused(folder: Path, text: str) -> str:
    """Return what is said of the file, without its name."""
    file = write(folder, text)
    with pytest.raises(SettingsRefused) as refusal:
        load(file)
    return str(refusal.value).replace(f"{file}: ", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mqtt:\n  port: 1\nlog:\nmqtt:\n  root: a", "mqtt is written twice, in lines 1 and 4"),
        ("mqtt:\n  port: 1\n  'port': 1", "port is written twice, in lines 2 and 3"),
        ("engine: {endpoints: [{url: 'http://a', url: 'http://b'}]}", "url is written twice"),
    ],
)
def test_a_key_that_is_written_twice_is_refused_with_both_lines(
    text: str, words: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, text)
    assert said.startswith(words)
    assert "寫了兩次" in (in_chinese(said) or "")


def test_what_a_merged_block_says_may_be_said_anew(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, "http: &a {port: 1}\nmqtt: {<<: *a, port: 2, root: b}"))
    assert (loaded.http.port, loaded.mqtt.port) == (1, 2)


@pytest.mark.parametrize("key", ["1", "on", "~", "2024-01-01", "_env_prefix", "_cli_parse_args"])
def test_a_key_that_is_no_section_is_refused_as_it_is_written(key: str, tmp_path: Path) -> None:
    assert refused(tmp_path, f"{key}: x").startswith(f"{key} is not a setting; ")
    assert refused(tmp_path, f"mqtt: {{{key}: x}}").startswith(f"mqtt.{key} is not a setting; ")


def test_every_strange_section_is_named_with_the_nearest_right_one(tmp_path: Path) -> None:
    said = refused(tmp_path, "moddel: {id: x}\nnode: a").splitlines()
    assert said[0] == "moddel is not a setting; did you mean model?"
    assert said[1] == "node is not a setting; did you mean node_id or model?"


def test_a_device_may_be_named_by_its_bare_number(tmp_path: Path) -> None:
    assert load(write(tmp_path, "model: {max_memory: {0: 20GiB}}")).model.max_memory == {
        "0": "20GiB"
    }


@pytest.mark.parametrize("text", ["0", "false", "[]", "''", "x", "- a"])
def test_a_file_without_sections_is_refused(text: str, tmp_path: Path) -> None:
    assert "must hold sections" in refused(tmp_path, text)


@pytest.mark.parametrize("text", ["", "# nothing", "~", "{}"])
def test_a_file_with_nothing_in_it_is_all_defaults(text: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, text)).node_id == "planner-1"


@pytest.mark.parametrize("text", ["node_id: 2024-99-99", "? [a]\n: 1", "a: 1\n---\nb: 2"])
def test_what_yaml_cannot_make_sense_of_is_refused_and_not_traced(
    text: str, tmp_path: Path
) -> None:
    assert "planner.yaml cannot be read: " in refused(tmp_path, text)
