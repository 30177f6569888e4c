"""What the documents tell people to make can be made."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from planner_node.training import evaluate

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "README.zh-TW.md", "docs/reliability.md", "planner_node/training/README.md")
TARGETS = {
    target
    for text in TEXTS
    for target in re.findall(r"(?m)(?:^|`)make ([a-z-]+)", (ROOT / text).read_text("utf-8"))
}
OF_A_MAKE_AROUND_US = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARGS"}


def recipe(target: str, *arguments: str) -> str:
    """Return what make would run, set-up included; nothing of a make around us is handed on."""
    command = ["make", "--dry-run", target, *arguments]
    env = {name: text for name, text in os.environ.items() if name not in OF_A_MAKE_AROUND_US}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return done.stdout


def scoring(*arguments: str) -> list[str]:
    """Return what ``make evaluate`` hands on."""
    *_, line = recipe("evaluate", *arguments).splitlines()
    return shlex.split(line.partition("planner_node.training.evaluate ")[2])


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_documented_target_is_there_and_the_shell_can_read_it(target: str) -> None:
    subprocess.run(["/bin/sh", "-n"], input=recipe(target), text=True, check=True)


def test_evaluate_scores_the_embedded_model_unless_told_otherwise() -> None:
    options = evaluate._parser().parse_args(scoring())
    assert (ROOT / options.model / "config.json").is_file()
    assert scoring("ARGS=--baselines") == ["--baselines"]
