"""The embedded model through the real path: loader, prompt, grammar, engine."""

from pathlib import Path

import pytest

from planner_node.api.examples import FUNCTION_REQUESTS
from planner_node.completion.loading import EMBEDDED_FOLDER
from planner_node.completion.local import LocalCompleter
from planner_node.completion.request import Message, Tool
from planner_node.prompt.catalog import load_catalog
from planner_node.settings import PlannerSettings, load
from tests.fakes.catalog import shipped_catalog
from tests.models.conftest import said, tasks_of

pytestmark = pytest.mark.slow

MAX_REPOSITORY_BYTES = 64 << 20
SEED_TOOL = Tool(**FUNCTION_REQUESTS["zh-TW"]["tools"][0])


async def answer(
    completer: LocalCompleter, system: str, user: str, *tools: Tool, plan_bias_logits: float = 0
) -> str:
    messages = (Message("system", system), Message("user", user))
    return await said(completer, messages, tools, plan_bias_logits)


@pytest.mark.asyncio(loop_scope="package")
async def test_the_seeds_tool_request_is_planned(completer: LocalCompleter) -> None:
    """The seed's tool has no minItems: forced tokens once led the model astray here."""
    text = await answer(
        completer, "接收一個任務，將其分解成多個步驟。", "將書本放在側桌上。", SEED_TOOL
    )
    tasks = tasks_of(text)
    assert [task["task"] for task in tasks] == [
        "找到書本",
        "拿起書本",
        "走到側桌",
        "將書本放在側桌上",
    ]


@pytest.mark.asyncio(loop_scope="package")
async def test_the_seeds_plain_request_is_a_numbered_list(completer: LocalCompleter) -> None:
    text = await answer(completer, "角色：專業的任務規劃機器人", "將刀子和杯子移動到櫃檯。")
    assert text.startswith("1. 找到刀子。2. 拿起刀子。")
    assert "櫃檯" in text


@pytest.mark.asyncio(loop_scope="package")
async def test_english_is_planned_in_english_with_its_names(completer: LocalCompleter) -> None:
    text = await answer(completer, "", "put some book on sidetable", SEED_TOOL)
    titles = [task["task"] for task in tasks_of(text)]
    assert any("sidetable" in title for title in titles)
    assert all(title.isascii() for title in titles)


@pytest.mark.asyncio(loop_scope="package")
async def test_a_bias_towards_plans_decides_what_is_answered(completer: LocalCompleter) -> None:
    question = "今天天氣如何？"
    tools = shipped_catalog().answers(PlannerSettings().answers)
    declined, planned = [
        await answer(completer, "", question, *tools, plan_bias_logits=logits) for logits in (0, 50)
    ]
    assert declined.startswith('{"name": "decline_task"')
    assert planned.startswith('{"name": "decompose_task"')  # and then whatever: it is no task


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize(
    "instruction",
    [
        "將書本放在側桌上。",
        "請將書本放在側桌。",
        "請把雜誌放在側桌上",
        "把冰箱裡的牛奶倒進杯子",
        "Put the book on the shelf.",
    ],
)
async def test_plain_tasks_are_planned_with_the_shipped_bias(
    completer: LocalCompleter, instruction: str
) -> None:
    settings = load(Path(EMBEDDED_FOLDER).parents[2] / "config" / "planner.yaml").planner
    catalog = load_catalog(settings.tools_dir, settings.prompts_dir)
    system = catalog.system_text("en" if instruction.isascii() else "zh-TW")
    tools = tuple(catalog.tools.values())
    bias = settings.plan_bias_logits
    text = await answer(completer, system, instruction, *tools, plan_bias_logits=bias)
    assert len(tasks_of(text)) >= 3


def test_the_folder_is_small_and_has_its_card() -> None:
    files = [file for file in Path(EMBEDDED_FOLDER).rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MAX_REPOSITORY_BYTES
    assert {"README.md", "model.safetensors", "tokenizer.json"} <= {file.name for file in files}
