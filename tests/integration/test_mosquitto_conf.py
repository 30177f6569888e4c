"""The mosquitto that we ship: a real one, started with config/mosquitto.conf and config/acl."""

import random
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from messages.topics import FLEET_PARTITION, TOPICS, Direction, Topic
from planner_node.cli.session import visit
from planner_node.errors import BrokerRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.client import Connection
from planner_node.mqtt.packets import Ending, EndKind, Outcome, Publication, Subscription
from planner_node.settings import MqttSettings, Settings
from tests.fakes.guest import Client
from tests.fakes.mosquitto import Mosquitto, free_port, running
from tests.faults.raw_bytes import RAW, conversations, say

pytestmark = pytest.mark.broker

CONFIG = Path(__file__).parents[2] / "config"
TLS = Path(__file__).parents[1] / "mqtt" / "tls"
ROOT = "planner/v1"
PASSWORD = "a password of the test"
USERS = ("planner-1", "operator", "r1", "r2")
NOT_AUTHORIZED = 0x87


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Start mosquitto with the shipped files; only the paths and the port are the test's."""
    folder = tmp_path_factory.mktemp("shipped")
    port = free_port()
    with running(folder, shipped(folder, port), port) as broker:
        yield broker


def shipped(folder: Path, port: int) -> str:
    """Put the shipped files into the folder and return the configuration that fits it."""
    passwords = folder / "passwords"
    passwords.write_text("".join(f"{user}:{PASSWORD}\n" for user in USERS), encoding="utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=10)
    (folder / "acl").write_bytes((CONFIG / "acl").read_bytes())
    for secret in (passwords, folder / "acl"):
        secret.chmod(0o600)
    conf = (CONFIG / "mosquitto.conf").read_text(encoding="utf-8")
    conf = conf.replace("/mosquitto/config", str(folder)).replace("/mosquitto/data", str(folder))
    return re.sub(r"(?m)^listener 1883$", f"listener {port} 127.0.0.1", conf)


class Guest(Client):
    """Somebody with a user name."""

    async def says(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        outcome = await self.connection.publish(Publication(topic, payload, retain=retain))
        return outcome.reason_code


Enter = Callable[..., AbstractAsyncContextManager[Guest]]


@pytest.fixture
def enter(broker: Mosquitto) -> Enter:
    """Let a guest in by user name and filters: an async context."""

    @asynccontextmanager
    async def let_in(
        user: str, *filters: str, is_v5: bool = True, client_id: str = "", session_expiry_s: int = 0
    ) -> AsyncIterator[Guest]:
        settings = MqttSettings.model_validate(
            {"url": f"mqtt://{user}@127.0.0.1:{broker.port}", "password": PASSWORD}
        )
        options = connect_options(settings, client_id or f"client-of-{user}", None)
        options = replace(options, session_expiry_s=session_expiry_s)
        guest = Guest(options, is_v5=is_v5)
        if (ending := await guest.connection.open()) is not None:
            raise ConnectionError(ending.reason)
        if filters:
            wanted = [Subscription(name, newly_only=False) for name in filters]
            await guest.connection.subscribe(wanted)
        try:
            yield guest
        finally:
            await guest.connection.close()

    return let_in


def name_of(row: Topic, robot_id: str) -> str:
    ids = {"robot_id": robot_id, "task_id": "t1", "node_id": "planner-1"}
    return f"{ROOT}/{row.pattern.format(**ids)}"


ROBOT_IN = {
    name: row
    for name, row in TOPICS.items()
    if row.direction is Direction.IN and "{robot_id}" in row.pattern
}
ROBOT_OUT = {
    name: row
    for name, row in TOPICS.items()
    if row.direction is Direction.OUT and "{robot_id}" in row.pattern
}
NOT_A_ROBOTS = {name: row for name, row in TOPICS.items() if name not in ROBOT_IN}


@pytest.mark.parametrize(
    ("username", "password"), [(None, None), ("r1", "wrong"), ("stranger", PASSWORD)]
)
async def test_nobody_comes_in_without_the_password(
    broker: Mosquitto, username: str | None, password: str | None
) -> None:
    settings = MqttSettings(url=broker.url)
    options = replace(
        connect_options(settings, "somebody", None), username=username, password=password
    )
    ending = await Connection(options, is_v5=True, epoch=1, deliver=print).open()
    assert ending == Ending(EndKind.REFUSED, "the broker refused: Not authorized", NOT_AUTHORIZED)


@pytest.mark.parametrize("row", ROBOT_IN.values(), ids=ROBOT_IN)
async def test_robot_speaks_on_its_own_topics_only(enter: Enter, row: Topic) -> None:
    async with enter("r1") as robot:
        assert await robot.says(name_of(row, "r1")) < 0x80
        assert await robot.says(name_of(row, "r2")) == NOT_AUTHORIZED


@pytest.mark.parametrize("row", NOT_A_ROBOTS.values(), ids=NOT_A_ROBOTS)
async def test_robot_cannot_speak_for_the_node_or_to_the_fleet(enter: Enter, row: Topic) -> None:
    async with enter("r1") as robot:
        assert await robot.says(name_of(row, "r1")) == NOT_AUTHORIZED


@pytest.mark.parametrize("row", ROBOT_OUT.values(), ids=ROBOT_OUT)
async def test_robot_hears_its_own_plans_and_nobody_elses(enter: Enter, row: Topic) -> None:
    async with enter("r1", f"{ROOT}/#") as robot, enter("planner-1") as node:
        await node.says(name_of(row, "r2"), b"other")
        await node.says(name_of(row, "r1"), b"own")
        assert (await robot.next()).payload == b"own"


async def test_robot_hears_how_the_node_is(enter: Enter) -> None:
    async with enter("r1", f"{ROOT}/nodes/+/status") as robot, enter("planner-1") as node:
        await node.says(f"{ROOT}/nodes/planner-1/status", b"READY")
        assert (await robot.next()).payload == b"READY"


@pytest.mark.parametrize("row", TOPICS.values(), ids=TOPICS)
async def test_node_hears_and_speaks_on_every_topic(enter: Enter, row: Topic) -> None:
    async with enter("planner-1", f"{ROOT}/#") as node:
        assert await node.says(name_of(row, "r1"), b"heard") < 0x80
        assert (await node.next()).payload == b"heard"


@pytest.mark.parametrize("is_v5", [True, False])
async def test_robot_that_calls_itself_the_node_neither_ends_its_connection_nor_its_session(
    enter: Enter, *, is_v5: bool
) -> None:
    """A node's id is public; over MQTT 3.1.1 such a visit would also clean the session."""
    task = f"{ROOT}/robots/r2/task"
    as_node = {"client_id": "planner-1", "session_expiry_s": 60}
    async with enter("planner-1", task, **as_node) as node:
        async with enter("r1", is_v5=is_v5, client_id="planner-1"), enter("r2") as robot:
            await robot.says(task, b"heard")
        heard = await node.next()
        assert heard.payload == b"heard"
        node.connection.acknowledge(heard)
    async with enter("r1", is_v5=is_v5, client_id="planner-1"), enter("r2") as robot:
        await robot.says(task, b"kept")
    async with enter("planner-1", client_id="planner-1") as node:  # and ends the session
        kept = await node.next()
        node.connection.acknowledge(kept)
    assert kept.payload == b"kept"


async def test_send_and_watch_work_as_somebody_and_not_as_the_node(
    broker: Mosquitto, enter: Enter
) -> None:
    task = f"{ROOT}/robots/r1/task"
    mqtt = {"url": f"mqtt://planner-1@127.0.0.1:{broker.port}", "password": PASSWORD}
    own = Settings(mqtt=MqttSettings.model_validate(mqtt))
    person = Settings(mqtt=MqttSettings.model_validate({**mqtt, "username": "operator"}))
    async with enter("planner-1", task, client_id="planner-1") as node:
        with pytest.raises(BrokerRefused, match="is the node's own user"):
            async with visit(own, [f"{ROOT}/robots/+/status"]):
                pass
        async with visit(person, [f"{ROOT}/robots/+/status"]) as visitor:
            await visitor.publish(task, b"heard")
            assert (await node.next()).payload == b"heard"
            await node.says(f"{ROOT}/robots/r1/status", b"told")
            async for delivery in visitor.deliveries():
                assert delivery.payload == b"told"
                break


async def test_noise_from_strangers_keeps_nobody_from_being_served(
    broker: Mosquitto, enter: Enter
) -> None:
    """B12, at the broker as we ship it."""
    for noise in (*RAW.values(), *conversations(random.Random(2), 2_000)):
        await say(broker.port, noise, patience_s=0.01)
    async with enter("planner-1", f"{ROOT}/robots/r1/task") as node, enter("r1") as robot:
        await robot.says(f"{ROOT}/robots/r1/task", b"heard")
        assert (await node.next()).payload == b"heard"


async def test_operator_sends_tasks_for_every_robot_and_no_plans(enter: Enter) -> None:
    async with enter("operator") as operator:
        assert await operator.says(f"{ROOT}/robots/r2/task") < 0x80
        assert await operator.says(f"{ROOT}/robots/r2/control") < 0x80
        assert await operator.says(FLEET_PARTITION.name(ROOT)) < 0x80
        assert await operator.says(f"{ROOT}/robots/r2/subtasks") == NOT_AUTHORIZED


async def test_task_of_one_mebibyte_reaches_the_node_for_its_typed_refusal(enter: Enter) -> None:
    async with enter("planner-1", f"{ROOT}/robots/+/task") as node, enter("r1") as robot:
        await robot.says(f"{ROOT}/robots/r1/task", b"x" * 1_048_576)
        assert len((await node.next()).payload) == 1_048_576


async def test_broker_says_how_large_a_packet_may_be(enter: Enter) -> None:
    async with enter("r1") as robot:
        limit_bytes = robot.connection.granted.maximum_packet_bytes
        outcome = await robot.connection.publish(
            Publication(f"{ROOT}/robots/r1/task", b"x" * 2_000_000)
        )
    assert (limit_bytes, outcome.outcome) == (2_000_000, Outcome.REFUSED)


async def test_tls_starts_as_its_lines_stand_and_knows_a_robot_by_its_certificate(
    tmp_path: Path,
) -> None:
    port, tls_port = free_port(), free_port()
    conf, tls = shipped(tmp_path, port).split("# -- TLS")
    tls = re.sub(r"(?m)^# (?=[a-z]+[_ a-z0-9]* \S+$)", "", tls)  # a setting, and no sentence
    tls = tls.replace("listener 8883", f"listener {tls_port} localhost")
    (tmp_path / "tls").mkdir()
    for ours, named in {"test-ca": "ca", "localhost": "server"}.items():
        for file in TLS.glob(f"{ours}.*"):
            shutil.copy(file, tmp_path / "tls" / f"{named}{file.suffix}")
    settings = MqttSettings(
        url=f"mqtts://localhost:{tls_port}",
        ca_file=TLS / "test-ca.crt",
        certificate_file=TLS / "client.crt",
        key_file=TLS / "client.key",
    )
    with running(tmp_path, f"{conf}# -- TLS{tls}", port) as broker:
        robot = Guest(replace(connect_options(settings, "planner-1", None), session_expiry_s=0))
        assert await robot.connection.open() is None
        assert await robot.says(f"{ROOT}/robots/client/task") < 0x80
        assert await robot.says(f"{ROOT}/robots/r1/task") == NOT_AUTHORIZED
        await robot.connection.close()
        assert "as client " in broker.log
        assert "as planner-1 " not in broker.log
