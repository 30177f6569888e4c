"""What strangers publish on the topics that ``send`` and ``watch`` follow ends neither of them."""

import asyncio
from pathlib import Path

import pytest

from messages.topics import (
    NODE_STATUS,
    ROBOT_STATUS,
    ROBOT_STREAM,
    ROBOT_SUBTASKS,
    ROBOT_TASK,
    Topic,
)
from planner_node.broker.embedded import EmbeddedBroker
from planner_node.cli.send import send_task
from planner_node.cli.watch import watch_robots
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.packets import Publication
from planner_node.settings import MqttSettings, Settings
from tests.fakes.guest import Client, connected
from tests.fakes.waiting import until

SAMPLES = Path(__file__).parents[2] / "messages" / "samples"
FOLLOWED = (ROBOT_STATUS, ROBOT_STREAM, ROBOT_SUBTASKS)
STRANGE = [
    b"hello",
    b"\xff\xfe",
    b"[1]",
    b'"a word"',
    b"null",
    b'{"a": 1}',
    b'{"task_id": ["t-1"]}',
    b'{"subtask": "a word"}',
    b'{"tasks": 7}',
    b'{"problem": "a word"}',
    b'{"task_id": "t-1", "status": 7}',
    b'{"schema_version": "2.0", "task_id": "t-1"}',
    b"[" * 5_000,
]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


async def publish(stranger: Client, topic: Topic, *payloads: bytes, retain: bool = False) -> None:
    name = topic.name(**dict.fromkeys(topic.ids, "r1"))
    for payload in payloads:
        await stranger.connection.publish(Publication(name, payload, retain=retain))


def check_skipped(told: str, messages: int) -> None:
    """Hold what was told to one line a message, in both languages."""
    lines = told.splitlines()
    assert len(lines) == messages
    assert all("skipped" in line and "略過" in line for line in lines)
    assert any("robots/r1/status" in line for line in lines)


async def test_send_follows_its_task_past_what_strangers_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with EmbeddedBroker(0) as broker:
        mqtt = MqttSettings(url=broker.url)
        node = await connected(connect_options(mqtt, "node", None), ROBOT_TASK.filter())
        command: dict[str, object] = {"instruction": "bring it", "task_id": "t-1"}
        sending = asyncio.create_task(send_task(Settings(mqtt=mqtt), "r1", command, 20))
        await node.next()
        for topic in FOLLOWED:
            await publish(node, topic, *STRANGE, b"")
        status = sample("TaskStatus").replace(b'"FAILED"', b'"PLANNED"')
        await publish(node, ROBOT_STATUS, status.replace(b"task-42", b"t-1"))
        assert await sending == 0
        await node.connection.close()
    shown = capsys.readouterr()
    assert "PLANNED" in shown.out
    check_skipped(shown.err, (len(STRANGE) + 1) * len(FOLLOWED))


async def test_watch_goes_on_past_what_strangers_say(capsys: pytest.CaptureFixture[str]) -> None:
    out = err = ""

    def shown(words: str) -> bool:
        nonlocal out, err
        more = capsys.readouterr()
        out, err = out + more.out, err + more.err
        return words in out

    async with EmbeddedBroker(0) as broker:
        mqtt = MqttSettings(url=broker.url)
        stranger = await connected(connect_options(mqtt, "stranger", None))
        await publish(stranger, NODE_STATUS, sample("NodeStatus"), retain=True)
        watching = asyncio.create_task(watch_robots(Settings(mqtt=mqtt), None))
        await until(lambda: shown("READY"))
        await publish(stranger, ROBOT_STATUS, *STRANGE)
        await publish(stranger, ROBOT_STATUS, sample("TaskStatus"))
        await until(lambda: watching.done() or shown("OUTPUT_TRUNCATED"))
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        await stranger.connection.close()
    check_skipped(err, len(STRANGE))
