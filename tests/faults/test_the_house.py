"""Faults inside a node: its journal damaged, its model hanging, dying or holding up everything."""

import random
import socket
from pathlib import Path

import pytest

from tests.fakes.mosquitto import running
from tests.faults.ending import end_well
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]


RUBBISH = b"this was a data base once" * 400


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.glob("planner-1.db*")]


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_damaged_journal_is_moved_aside_aloud(tmp_path: Path) -> None:
    """F17: the node starts, says so, and keeps the damaged file for a person to look at."""
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        node.journal.write_bytes(RUBBISH)
        async with Fleet(broker.port, History(tmp_path / "history.jsonl")) as fleet, node:
            fleet.task("robot", "new-1", "the first one of the new book")
            await fleet.until_planned("new-1")
            assert "damaged" in node.log
            await end_well(fleet, node)
    assert RUBBISH in contents(tmp_path)


async def test_a_write_ahead_log_that_is_lost_is_told_aloud(tmp_path: Path) -> None:
    """F17: it held all that was accepted; the node starts without it, says so, and works."""
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, History(tmp_path / "history.jsonl")) as fleet, node:
            await fleet.until_ended(*fleet.tasks("lost", 10))
            node.kill()
            (tmp_path / "planner-1.db-wal").unlink()
            node.start()
            await node.until_ready()
            await fleet.until_true(lambda: any("damaged" in str(one) for one in fleet.problems))
            fleet.task("robot", "new-1", "the first one after it")
            await fleet.until_planned("new-1")
            assert "damaged" in node.log
            await end_well(fleet, node)
    assert any(".damaged-" in name for name in names(tmp_path))


@pytest.mark.parametrize(
    ("word", "code"), [("MEMORY", "OUT_OF_MEMORY"), ("HALF", "OUTPUT_TRUNCATED")]
)
async def test_a_model_that_fails_fails_one_task(tmp_path: Path, word: str, code: str) -> None:
    """F18."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, history) as fleet, node:
            fleet.task("unlucky", "bad-1", word)
            fleet.task("lucky", "good-1", "beside it")
            fleet.task("unlucky", "good-2", "after it")
            await fleet.until_ended("bad-1", "good-1", "good-2")
            [failed] = [one for one in fleet.answers["unlucky"] if one["status"] == "FAILED"]
            assert failed["problem"]["code"] == code
            await fleet.until_planned("good-1", "good-2")
            await end_well(fleet, node)


async def test_an_engine_that_dies_takes_no_task_with_it(tmp_path: Path) -> None:
    """F18: the task that kills it ends after its tries; the others are planned."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url, settings={"PLANNER__MAX_ATTEMPTS": "2"})
        async with Fleet(broker.port, history) as fleet, node:
            fleet.task("unlucky", "deadly-1", "DIE")
            fleet.task("lucky", "safe-1", "beside it")
            fleet.task("unlucky", "safe-2", "after it")
            await fleet.until_ended("deadly-1", "safe-1", "safe-2")
            ends = [fleet.states[one] for one in ("deadly-1", "safe-1", "safe-2")]
            assert ends == ["FAILED", "PLANNED", "PLANNED"]
            await end_well(fleet, node)


async def test_a_loop_that_stands_still_keeps_the_line_up(
    tmp_path: Path, *, are_faults_long: bool
) -> None:
    """F19: longer than the keep-alive; the network thread lives on."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(
            tmp_path,
            broker.url,
            settings={"MQTT__KEEPALIVE_S": "2"},
            script={"BLOCK_S": "20" if are_faults_long else "5"},
        )
        async with Fleet(broker.port, history) as fleet, node:
            fleet.task("robot", "block-1", "BLOCK")
            fleet.task("other", "block-2", "behind it")
            await fleet.until_planned("block-1", "block-2", deadline_s=60)
            assert "CONNECTION_BROKEN" not in fleet.node_states.values()
            await end_well(fleet, node)
        assert "has exceeded timeout" not in broker.log


async def test_rubbish_at_the_http_door_does_not_move_the_mqtt_one(tmp_path: Path) -> None:
    """B12 and B14 at our own door: noise, and many that never finish their request."""
    history = History(tmp_path / "history.jsonl")
    with running(tmp_path) as broker:
        node = NodeProcess(tmp_path, broker.url)
        async with Fleet(broker.port, history) as fleet, node:
            host, port = node.http.removeprefix("http://").split(":")
            lines = [socket.create_connection((host, int(port))) for _ in range(200)]
            for number, line in enumerate(lines):
                noise = random.Random(number).randbytes(64)
                line.sendall(b"POST /tasks HT" if number % 2 else noise)
            fleet.task("robot", "calm-1", "all the same")
            await fleet.until_planned("calm-1")
            await node.until_readyz(200)
            for line in lines:
                line.close()
            await end_well(fleet, node)
