"""What the code imports is what pyproject.toml promises, and the locks pin it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OURS = {"planner_node", "messages", "tests", "benchmarks"}
WITH_TORCH = {"triton"}  # torch's CUDA build brings the one that fits; else the tests' set-up does


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!;~]", name, maxsplit=1)[0]).lower()


def locked(name: str) -> set[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {plain(line) for line in lines if line and not line.startswith("#")}


def third_party(*folders: str) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - OURS - WITH_TORCH


def distributions(modules: set[str]) -> set[str]:
    known = packages_distributions()
    return {plain(name) for module in modules for name in known.get(module, [module])}


def test_service_imports_only_what_it_declares() -> None:
    declared = {plain(name) for name in PROJECT["dependencies"]}
    assert distributions(third_party("planner_node", "messages")) <= declared


def test_tests_import_only_what_is_declared() -> None:
    declared = {plain(n) for n in PROJECT["dependencies"]}
    declared |= {plain(n) for n in PROJECT["optional-dependencies"]["test"]}
    assert distributions(third_party("tests")) <= declared


def test_service_declares_nothing_that_it_never_imports() -> None:
    # accelerate, bitsandbytes and peft are imported by transformers when the settings ask for them
    lazy = {"accelerate", "bitsandbytes", "peft"}
    used = distributions(third_party("planner_node", "messages"))
    assert {plain(name) for name in PROJECT["dependencies"]} - lazy <= used


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_lock_pins_exactly(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    loose = [
        one for one in lines if one and not one.startswith("#") and not re.match(r"\S+==\S+$", one)
    ]
    assert loose == []


def test_locks_hold_every_declared_package() -> None:
    runtime = {plain(name) for name in PROJECT["dependencies"]}
    tests = {plain(name) for name in PROJECT["optional-dependencies"]["test"]}
    assert runtime <= locked("requirements.lock")
    assert tests <= locked("requirements.lock") | locked("requirements-test.lock")


def test_no_committed_text_names_a_package_host() -> None:
    names = [
        "Makefile",
        "requirements.lock",
        "requirements-test.lock",
        "pyproject.toml",
        "Dockerfile",
    ]
    texts = "".join((ROOT / name).read_text("utf-8") for name in names)
    assert re.findall(r"https?://\S*(?:simple|pypi|whl)\S*|--(?:extra-)?index-url", texts) == []
