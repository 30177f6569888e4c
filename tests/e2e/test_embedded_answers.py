"""The shipped model in a real node: its three kinds of answer reach the robot as what they are."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from planner_node.planner.rehearsal import INSTRUCTIONS
from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import REAL, NodeProcess

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.timeout(240),  # the first test waits for the model to load
    pytest.mark.asyncio(loop_scope="module"),
]
LOADING_S = 180.0
PLAN = {"zh": "把杯子放在餐桌上。", "en": "Put the cup on the table."}
ASK = {"zh": "幫我拿。", "en": "Bring it here."}
DECLINE = {"zh": "今天天氣如何？", "en": "What is the weather like today?"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[NodeProcess, Fleet]]:
    folder = tmp_path_factory.mktemp("embedded")
    settings = {"PLANNER__DRAIN_S": "1", "MODEL__ID": "embedded", "ENGINE__REHEARSAL_S": "60"}
    with running(folder) as broker:
        started = NodeProcess(folder, broker.url, command=REAL, settings=settings)
        started.start()
        try:
            await started.until_ready(LOADING_S)
            history = History(folder / "history.jsonl")
            async with Fleet(broker.port, history, "embedded") as fleet:
                yield started, fleet
                await end_well(fleet, started)
        finally:
            started.kill()


async def answered(fleet: Fleet, robot: str, task_id: str, instruction: str) -> str:
    """Send the task and return the state that answers it."""
    fleet.task(robot, task_id, instruction)
    await fleet.until_state(task_id, "PLANNED", "DECLINED", "FAILED", "INPUT_REQUIRED")
    return fleet.states[task_id]


async def test_a_node_rehearses_when_it_starts(node: tuple[NodeProcess, Fleet]) -> None:
    started, fleet = node
    num_planned = sum(map(len, INSTRUCTIONS.values()))
    await fleet.until_true(lambda: f"rehearsed plans={num_planned}" in started.log)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_good_task_is_planned(node: tuple[NodeProcess, Fleet], language: str) -> None:
    _, fleet = node
    task_id = f"plan-{language}"
    assert await answered(fleet, "planned", task_id, PLAN[language]) == "PLANNED"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_no_task_is_declined_with_a_reason(
    node: tuple[NodeProcess, Fleet], language: str
) -> None:
    _, fleet = node
    task_id = f"decline-{language}"
    robot = f"declined-{language}"
    assert await answered(fleet, robot, task_id, DECLINE[language]) == "DECLINED"
    problem = fleet.answers[robot][-1]["problem"]
    assert problem["code"] == "NOT_A_TASK"
    [reason] = [one["value"] for one in problem["references"] if one["key"] == "reason"]
    assert reason.isascii() == (language == "en")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_missing_is_asked_for_and_the_answer_planned(
    node: tuple[NodeProcess, Fleet], language: str
) -> None:
    started, fleet = node
    task_id = f"ask-{language}"
    robot = f"asked-{language}"
    assert await answered(fleet, robot, task_id, ASK[language]) == "INPUT_REQUIRED"
    assert fleet.answers[robot][-1]["question"]["text"].isascii() == (language == "en")
    answer = {"zh": "紅色的杯子", "en": "the red cup"}[language]
    word = {"op": "ANSWER", "task_id": task_id, "answer": answer}
    fleet.send(f"robots/{robot}/control", json.dumps(word, ensure_ascii=False))
    await fleet.until_ended(task_id)
    assert fleet.states[task_id] == "PLANNED"
    async with httpx.AsyncClient(base_url=started.http) as client:
        told = (await client.get(f"/tasks/{task_id}")).text
    assert {"zh": "紅色的杯子", "en": "red cup"}[language] in told
