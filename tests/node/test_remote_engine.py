"""A whole node whose model is somewhere else: real plans, and the truth when nobody answers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from messages.status import TaskState
from messages.task import TaskCommand
from planner_node.node import Node, build
from planner_node.settings import Settings
from planner_node.tasks.record import EventKind, Origin
from tests.fakes.llama_cpp import embedded_gguf, llama_cpp_server
from tests.fakes.openai_server import OpenAiServer, Played
from tests.fakes.waiting import until, until_it_is

CONFIG = Path(__file__).parents[2] / "config"
PLANS = {
    "將書本放在側桌上。": ["找到書本", "拿起書本", "走到側桌", "將書本放在側桌上"],
    "put some book on sidetable": [
        "Find the book",
        "Pick up the book",
        "Go to the sidetable",
        "Put the book on the sidetable",
    ],
}


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_cpp_server(embedded_gguf(tmp_path_factory.mktemp("llama"))) as url:
        yield url


@asynccontextmanager
async def node_over(url: str, folder: Path, **planner: object) -> AsyncIterator[Node]:
    """Run a node without a broker over one endpoint."""
    engine = {"kind": "remote", "endpoints": [{"url": url}], "health_interval_s": 1}
    settings = Settings.model_validate(
        {
            "engine": {**engine, "prompt": "chat" if planner else "tokens"},
            "journal": {"url": f"sqlite:///{folder}/planner.db"},
            "planner": {
                "tools_dir": CONFIG / "tools",
                "prompts_dir": CONFIG / "prompts",
                "drain_s": 1,
                **planner,
            },
        }
    )
    async with build(settings, broker=False).running() as node:
        yield node


@asynccontextmanager
async def node_over_chat(server: OpenAiServer, folder: Path) -> AsyncIterator[Node]:
    """Run it over a server whose tokenizer is not known here."""
    async with node_over(server.url, folder, plan_bias_logits=0) as node:
        yield node


async def state_of(node: Node, task_id: str) -> TaskState:
    return (await node.planner.task(task_id)).state


@pytest.mark.slow
@pytest.mark.parametrize("instruction", PLANS)
async def test_task_is_planned_by_llama_cpp_subtask_by_subtask(
    instruction: str, llama_cpp: str, tmp_path: Path
) -> None:
    commits: list[list[EventKind]] = []
    async with node_over(llama_cpp, tmp_path) as node:
        node.journal.listen(lambda stored: commits.append([one.event.kind for one in stored]))
        command = TaskCommand(instruction=instruction, task_id="t")
        await node.planner.submit(command, Origin(robot_id="r1"))
        await until(lambda: any(EventKind.PLAN in kinds for kinds in commits), 30.0)
        plan = await node.planner.plan("t")
        assert plan is not None
        assert [subtask.task for subtask in plan.tasks] == PLANS[instruction]
        assert plan.generation.model == "embedded"
        assert node.info().model["device"] == llama_cpp.removeprefix("http://")
    # every subtask had a commit of its own before the plan was complete
    assert [
        kinds for kinds in commits if EventKind.SUBTASK in kinds and EventKind.PLAN not in kinds
    ]


async def test_node_waits_for_its_server_and_tells_so(tmp_path: Path) -> None:
    async with OpenAiServer().listening() as server:
        server.loading = True
        async with node_over_chat(server, tmp_path) as node:
            await until(lambda: "Loading model" in node.completer.reason)
            check = next(one for one in node.checks() if one.name == "model")
            assert not check.ready
            assert server.url.removeprefix("http://") in check.reason
            assert node.info().model["ready"] is False
            server.loading = False
            await until(node.model_ready.is_set)
            assert node.completer.reason == ""


async def test_lost_server_holds_the_tasks_and_its_return_lets_them_go(tmp_path: Path) -> None:
    server = OpenAiServer()
    async with (
        server.listening(),
        node_over_chat(server, tmp_path) as node,
    ):
        await until(node.model_ready.is_set)
        server.loading = True
        server.scripts = [Played(status=503, error={"error": {"message": "gone"}})]
        await node.planner.submit(TaskCommand(instruction="x", task_id="t"), Origin("r1"))
        await until(lambda: not node.completer.ready)
        assert {m.value for m in node.measures() if m.name == "planner_endpoint_up"} == {0.0}
        server.loading = False
        await until(lambda: node.completer.ready)
        await until_it_is(lambda: state_of(node, "t"), TaskState.PLANNED)
        assert (await node.planner.task("t")).attempt == 2  # the one that met the 503, and this
