"""What the seed's users start still starts."""

import importlib
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
