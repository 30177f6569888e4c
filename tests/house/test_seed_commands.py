"""What the seed's users start still starts."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from planner_node.api.app import app

ROOT = Path(__file__).parents[2]
MODULES = ("llama_api_service", "llama_api_service_function")


@pytest.mark.parametrize("module", MODULES)
def test_the_seeds_commands_serve_the_application(module: str) -> None:
    assert importlib.import_module(module).app is app


@pytest.mark.parametrize("module", MODULES)
def test_the_seeds_modules_are_installed_with_the_project(module: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert module in project["tool"]["setuptools"]["py-modules"]
    assert f"{module}.py" in (ROOT / "Dockerfile").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("MQTT__PROT", "1", "mqtt.prot is not a setting", "mqtt.prot 不是設定"),
        ("HTTP__API_KEYS_FILE", "/no/keys", "/no/keys cannot be read", "無法讀取機密檔案 /no/keys"),
    ],
)
def test_a_fault_of_the_settings_is_explained_and_not_traced(
    name: str, value: str, english: str, chinese: str
) -> None:
    command = [sys.executable, "-m", "uvicorn", "llama_api_service:app", "--port", "0"]
    env = {**os.environ, f"PLANNER__{name}": value}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 1
    assert "✗ " in done.stderr
    assert english in done.stderr
    assert chinese in done.stderr
    assert "Traceback" not in done.stderr
