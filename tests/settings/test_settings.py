"""The settings are complete, strict and helpful."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from planner_node.errors import SettingsRefused
from planner_node.settings import Settings, load, secret

CONFIG = Path(__file__).parents[2] / "config"
# Secrets have no place in a file, so the file does not name them.
SECRETS = {"mqtt.password", "http.api_keys"}


def keys_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys_of(inner, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def write(folder: Path, text: str) -> Path:
    file = folder / "planner.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_shipped_file_names_every_setting() -> None:
    values = yaml.safe_load((CONFIG / "planner.yaml").read_text(encoding="utf-8"))
    named = {
        f"{section}.{key}" if isinstance(block, dict) else section
        for section, block in values.items()
        for key in (block if isinstance(block, dict) else [""])
    }
    assert named == keys_of(Settings) - SECRETS


def test_shipped_file_holds_the_defaults() -> None:
    shipped = load(CONFIG / "planner.yaml").model_dump(exclude={"planner"})
    assert shipped == Settings().model_dump(exclude={"planner"})


def test_llama_profile_is_eight_bit() -> None:
    model = load(CONFIG / "llama-3.1-8b.yaml").model
    assert (model.id, model.quantization) == ("meta-llama/Llama-3.1-8B-Instruct", "int8")


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER__MQTT__PORT", "1999")
    assert load(write(tmp_path, "mqtt: {port: 5}")).mqtt.port == 1999


def test_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"mqtt\.keepalive is not .* keepalive_s"):
        load(write(tmp_path, "mqtt: {keepalive: 5}"))


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


@pytest.mark.parametrize("text", ["mqtt: {password: x}", "http: {api_keys: [x]}"])
def test_secret_in_the_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="is a secret"):
        load(write(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["mqtt: {url: 'http://x'}", "mqtt: {port: 70000}", "- a", "a: [", "mqtt: 3"]
)
def test_wrong_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        load(write(tmp_path, text))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="There is no settings file"):
        load(tmp_path / "none.yaml")


def test_secret_file_is_read_without_its_line_break(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\n", encoding="utf-8")
    assert secret(None, file) == "geheim"


def test_missing_secret_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read"):
        secret(None, tmp_path / "none")
