"""A path in the file means the same wherever the node is started; a typed one counts from there."""

from pathlib import Path

import pytest

from planner_node.errors import SettingsRefused
from planner_node.settings import load
from tests.settings.test_settings import write

EVERYTHING = """
mqtt: {password_file: p, ca_file: ca.crt, certificate_file: c, key_file: k}
http: {api_keys_file: keys/http}
journal: {password_file: j, url: 'sqlite:///var/here.db'}
model: {adapter: lora}
planner: {prompts_dir: ../texts}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file's folder; the node is started in another one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


def test_every_path_of_the_file_counts_from_its_folder(folder: Path) -> None:
    settings = load(write(folder, EVERYTHING))
    mqtt = settings.mqtt
    assert [mqtt.password_file, mqtt.ca_file, mqtt.certificate_file, mqtt.key_file] == [
        folder / name for name in ("p", "ca.crt", "c", "k")
    ]
    assert settings.http.api_keys_file == folder / "keys" / "http"
    assert settings.journal.password_file == folder / "j"
    assert settings.model.adapter == folder / "lora"
    assert settings.planner.tools_dir == folder / "tools"
    assert settings.planner.prompts_dir == folder / "../texts"
    assert settings.journal.url == "sqlite:///var/here.db"


def test_keys_of_endpoints_count_from_the_files_folder(folder: Path) -> None:
    endpoints = "endpoints: [{url: 'http://a', api_key_file: a.key}, {url: 'http://b'}]"
    engine = load(write(folder, f"engine: {{kind: remote, api_key_file: k, {endpoints}}}")).engine
    assert engine.api_key_file == folder / "k"
    assert [one.api_key_file for one in engine.endpoints] == [folder / "a.key", None]


def test_an_absolute_path_stays(folder: Path) -> None:
    assert load(write(folder, "http: {api_keys_file: /run/k}")).http.api_keys_file == Path("/run/k")


def test_a_path_of_the_environment_counts_from_where_the_node_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER__HTTP__API_KEYS_FILE", "keys")
    monkeypatch.setenv("PLANNER__PLANNER__TOOLS_DIR", "tools")
    settings = load(write(folder, "http: {api_keys_file: others}"))
    assert settings.http.api_keys_file == Path("keys")
    assert settings.planner.tools_dir == Path("tools")


@pytest.mark.parametrize("name", ["llama", "../models/llama"])
def test_a_model_that_is_a_folder_beside_the_file_is_found(folder: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    assert load(write(folder, f"model: {{id: {name}}}")).model.id == str(folder / name)


@pytest.mark.parametrize("name", ["embedded", "meta-llama/Llama-3.1-8B-Instruct"])
def test_a_model_that_is_none_keeps_its_name(folder: Path, name: str) -> None:
    (folder / "embedded").mkdir()
    assert load(write(folder, f"model: {{id: {name}}}")).model.id == name


@pytest.mark.parametrize("text", ["mqtt: 3", "engine: {endpoints: 3}", "model: {id: 3}", "x: y"])
def test_what_is_wrong_is_left_to_be_refused(folder: Path, text: str) -> None:
    with pytest.raises(SettingsRefused):
        load(write(folder, text))
