"""``send`` ends: with the task, with its time, or before it begins."""

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from messages.topics import ROBOT_CONTROL, ROBOT_STATUS, ROBOT_TASK
from planner_node.broker.embedded import EmbeddedBroker
from planner_node.cli import send
from planner_node.cli.send import send_task
from planner_node.errors import BrokerRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import Publication
from planner_node.settings import MqttSettings, Settings
from tests.fakes.guest import Client, connected
from tests.fakes.wire import Script, refused_v5, scripted

FAILED, TIMED_OUT = 1, 124
SAMPLE = Path(__file__).parents[2] / "messages" / "samples" / "TaskStatus.json"


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a terminal in the place of standard input; what is written here is typed there."""
    master, slave = os.openpty()
    with os.fdopen(slave, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield master
    os.close(master)


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ("x" * 70_000, "PAYLOAD_TOO_LARGE"),
        ("\udcff", "MALFORMED_JSON"),  # what Python makes of a byte that is not UTF-8
        ("", "SCHEMA_INVALID"),
    ],
)
async def test_what_no_node_can_read_is_not_sent(
    instruction: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Settings(mqtt=MqttSettings(url="mqtt://127.0.0.1:1"))
    assert await send_task(nowhere, "r1", {"instruction": instruction}, 5) == FAILED
    assert code in capsys.readouterr().out


def question(task_id: str) -> bytes:
    text = SAMPLE.read_text(encoding="utf-8").replace('"FAILED"', '"INPUT_REQUIRED"')
    asked = '"question": {"question_id": "q1", "text": "Which cup?", "options": []}'
    text = text.replace('"question": null', asked)
    return text.replace("task-42", task_id).encode()


@asynccontextmanager
async def asked(timeout_s: float) -> AsyncIterator[tuple[asyncio.Task[int], Client]]:
    """Send a task to a node that knows nothing but one question."""
    async with EmbeddedBroker(0) as broker:
        mqtt = MqttSettings(url=broker.url)
        topics = [row.name(robot_id="r1") for row in (ROBOT_TASK, ROBOT_CONTROL)]
        node = await connected(connect_options(mqtt, "node", None), *topics)
        command: dict[str, object] = {"instruction": "bring it", "task_id": "t-1"}
        sending = asyncio.create_task(send_task(Settings(mqtt=mqtt), "r1", command, timeout_s))
        await node.next()
        await node.connection.publish(
            Publication(ROBOT_STATUS.name(robot_id="r1"), question("t-1"))
        )
        try:
            yield sending, node
        finally:
            sending.cancel()
            await node.connection.close()


async def code_of(timeout_s: float) -> int:
    async with asked(timeout_s) as (sending, _):
        return await sending


@pytest.mark.slow
async def test_a_typed_answer_is_sent_and_an_empty_line_is_none(keyboard: int) -> None:
    async with asked(timeout_s=20) as (_, node):
        os.write(keyboard, "\n 紅色的 \n".encode())
        told = json.loads((await node.next()).payload)
    assert told == {"op": "ANSWER", "task_id": "t-1", "answer": "紅色的"}


@pytest.mark.slow
def test_an_unanswered_question_ends_with_the_time(
    keyboard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    began_s = time.monotonic()
    enter = threading.Timer(8, os.write, (keyboard, b"\n"))
    enter.start()
    try:
        assert asyncio.run(code_of(timeout_s=0.5)) == TIMED_OUT
    finally:
        enter.cancel()
    assert time.monotonic() - began_s < 7
    assert "Which cup?" in capsys.readouterr().out


@pytest.mark.slow
def test_an_answer_is_not_given_by_the_end_of_input(keyboard: int) -> None:
    os.write(keyboard, b"\x04")
    assert asyncio.run(code_of(timeout_s=20)) == FAILED


async def test_where_no_node_answers_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(send, "ANSWER_S", 0.0)
    async with EmbeddedBroker(0) as broker:
        settings = Settings(mqtt=MqttSettings(url=broker.url))
        code = await send_task(settings, "r1", {"instruction": "bring it"}, timeout_s=0.3)
    assert code == TIMED_OUT
    shown = capsys.readouterr().out
    assert "no node has answered on planner/v1 yet" in shown
    assert "尚無節點回應" in shown


@pytest.mark.parametrize("code", [0x86, 0x87])
async def test_a_refused_password_is_told_as_one(code: int) -> None:
    async with scripted(Script(connack=refused_v5(code))) as broker:
        settings = Settings(mqtt=MqttSettings(url=f"mqtt://ann@127.0.0.1:{broker.port}"))
        with pytest.raises(BrokerRefused) as refusal:
            await send_task(settings, "r1", {"instruction": "bring it"}, timeout_s=5)
    hint = str(refusal.value.references["hint"])
    assert "PLANNER__MQTT__PASSWORD" in hint
    assert "planner-node serve" not in hint
