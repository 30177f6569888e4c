"""What the READMEs say about the code is what the code says."""

import re
import runpy
import sysconfig
from pathlib import Path

import pytest

from planner_node.engine.loading import SMALL_MODEL_BYTES
from planner_node.settings import Settings
from planner_node.training import run, train

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-TW.md")
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "readme.py"))


@pytest.mark.parametrize("readme", READMES)
def test_generated_parts_are_fresh(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert SCRIPT["rewritten"](readme, text) == text, "run scripts/readme.py --write"


@pytest.mark.parametrize("readme", READMES)
def test_what_the_node_refuses_is_not_shown_as_offered(readme: str) -> None:
    rows = SCRIPT["topic_table"](readme).splitlines()
    marked = [row for row in rows if SCRIPT["NOT_YET"][readme] in row]
    assert [row.split("`")[1].rsplit("/", 2)[1:] for row in marked] == [
        ["{robot_id}", "feedback"],
        ["{robot_id}", "profile"],
        ["fleet", "task"],
    ]
    assert "class EXECUTING,REPLANNING,COMPLETED notYet" in SCRIPT["state_diagram"](readme)


@pytest.mark.parametrize("readme", READMES)
def test_named_files_exist(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    paths = re.findall(
        r"`((?:config|messages|planner_node|scripts|tests|benchmarks)/[\w./-]+)`", text
    )
    missing = [path for path in (*links, *paths) if not (ROOT / path).exists()]
    assert missing == []


def test_both_readmes_have_the_same_commands() -> None:
    english, chinese = (
        re.findall(
            r"^(?:make|docker|\.venv/bin/\S+) \S+", (ROOT / name).read_text("utf-8"), re.MULTILINE
        )
        for name in READMES
    )
    assert english == chinese


@pytest.mark.parametrize("text", [*READMES, "config/llama-3.1-8b.yaml", "docs/remote.md"])
def test_named_programs_are_installed(text: str) -> None:
    named = set(re.findall(r"\.venv/bin/([\w-]+)", (ROOT / text).read_text(encoding="utf-8")))
    assert named <= {path.name for path in Path(sysconfig.get_path("scripts")).iterdir()}


@pytest.mark.parametrize("readme", READMES)
def test_login_is_shown_with_the_hubs_present_command(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert "huggingface-cli" not in text
    assert text.count(".venv/bin/hf auth login") == 2


@pytest.mark.parametrize("readme", READMES)
def test_named_settings_exist(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    for section, key in re.findall(r"`(mqtt|http|model|engine|planner|journal)\.(\w+)", text):
        assert key in type(getattr(Settings(), section)).model_fields, f"{section}.{key}"


@pytest.mark.parametrize("text", [*READMES, "config/planner.yaml"])
def test_the_size_up_to_which_nothing_is_quantized_is_told(text: str) -> None:
    told = f"{SMALL_MODEL_BYTES // (1 << 30)} GiB"
    default = r"(int8 on CUDA|CUDA 上預設 int8)"
    assert re.search(rf"{default}[^)）]*{told}", (ROOT / text).read_text("utf-8"))


def test_the_time_of_a_training_on_a_cpu_is_told_alike() -> None:
    card = (ROOT / "planner_node/models/embedded/README.md").read_text("utf-8")
    recipes = Path(run.__file__).read_text("utf-8")
    english, chinese = ((ROOT / name).read_text("utf-8") for name in READMES)
    assert all("about an hour and a half" in text for text in (card, recipes, english))
    assert "約一個半小時" in chinese


def test_a_resumed_training_promises_the_same_weights_on_a_cpu_only() -> None:
    assert "on a CPU, with the same weights" in train.parser().format_help()
