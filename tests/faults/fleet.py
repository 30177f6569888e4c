"""A fleet of robots on one connection: sends tasks, hears everything, writes the history."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.fakes.waiting import until
from tests.faults.evidence import keep
from tests.faults.history import History

ROOT: Final = "planner/v1"
TERMINAL: Final = frozenset(
    {"PLANNED", "COMPLETED", "REJECTED", "DECLINED", "FAILED", "CANCELED", "EXPIRED"}
)
_SESSION_S: Final = 3_600
_MAX_PACKET_BYTES: Final = 2_000_000  # it hears what others send to a robot, too
_FIRST_REFUSAL: Final = 0x80


def _properties(kind: int, **values: Any) -> Properties:  # noqa: ANN401  as paho has them
    properties = Properties(kind)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


class Fleet:
    """All robots of a test; keeps its session, so that a broker's restart loses it nothing.

    Speaks MQTT 5, or 3.1.1 where the broker knows nothing else.
    """

    def __init__(
        self, port: int, history: History, client_id: str = "fleet", *, is_v5: bool = True
    ) -> None:
        self.history = history
        self.states: dict[str, str] = {}  # task id → the state it was last heard to be in
        self.versions: dict[str, int] = {}
        self.late_versions: dict[str, int] = {}  # of the copies for late joiners
        self.acked: set[str] = set()
        self.heard: Counter[str] = Counter()  # messages by the last level of their topic
        self.node_states: dict[str, str] = {}
        self.parts: dict[str, dict[str, int] | None] = {}  # of the robots, by node
        self.answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)  # by robot
        self.problems: list[dict[str, Any]] = []  # of the errors topic
        self.connects = 0
        self.port = port
        self.is_v5 = is_v5
        self._sent: dict[int, str] = {}
        self._early: set[int] = set()  # acknowledged before publish() had returned its number
        self._lock = threading.Lock()
        self._is_subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if is_v5 else False,
            protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.max_queued_messages_set(0)
        self._client.max_inflight_messages_set(1_000)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    async def __aenter__(self) -> Self:
        session = _properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=_SESSION_S,
            MaximumPacketSize=_MAX_PACKET_BYTES,
        )
        own = {"clean_start": False, "properties": session} if self.is_v5 else {}
        self._client.connect_async("127.0.0.1", self.port, keepalive=15, **own)
        self._client.loop_start()
        await until(self._is_subscribed.is_set)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def task(self, robot: str, task_id: str, instruction: str, **fields: object) -> None:
        """Send a task; it counts as sent even while the broker is away."""
        payload = {"task_id": task_id, "instruction": instruction, **fields}
        self.history.write("sent", robot=robot, task_id=task_id)
        self.send(f"robots/{robot}/task", json.dumps(payload, ensure_ascii=False), task_id)

    def tasks(
        self, name: str, number: int, robots: int = 10, instruction: str = "bring book {}"
    ) -> list[str]:
        """Send tasks of several robots, who take turns; return the ids."""
        task_ids = [f"{name}-{index}" for index in range(number)]
        for index, task_id in enumerate(task_ids):
            self.task(f"robot-{index % robots}", task_id, instruction.format(task_id))
        return task_ids

    def control(self, robot: str, op: str, task_id: str) -> None:
        """Send a word about a task."""
        self.send(f"robots/{robot}/control", json.dumps({"op": op, "task_id": task_id}))

    def send(
        self,
        topic: str,
        payload: str | bytes,
        task_id: str | None = None,
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        """Publish anything at QoS 1 below the root."""
        # No lock of ours around a call of paho's: its callbacks hold paho's and take ours.
        mid = self._client.publish(f"{ROOT}/{topic}", payload, 1, retain, properties).mid
        with self._lock:
            if task_id is not None and mid in self._early:
                self._acknowledged(task_id)
            elif task_id is not None:
                self._sent[mid] = task_id
            self._early.discard(mid)

    async def until_ended(self, *task_ids: str, deadline_s: float = 30.0) -> None:
        """Wait until these tasks are in a terminal state, as far as the fleet has heard."""
        waiting = set(task_ids)

        def all_ended() -> bool:
            ended = {task_id for task_id in waiting if self.states.get(task_id) in TERMINAL}
            waiting.difference_update(ended)
            return not waiting

        try:
            await until(all_ended, deadline_s)
        except TimeoutError:
            left = {task_id: self.states.get(task_id) for task_id in sorted(waiting)[:10]}
            what = f"{len(waiting)} of {len(task_ids)} never ended: {left}"
            kept = keep(self.history.file.parent, [f"I1 {what}"])
            raise TimeoutError(f"{what}; all of it is kept in {kept}") from None

    async def until_planned(self, *task_ids: str, deadline_s: float = 30.0) -> None:
        """Wait until these tasks have ended, as PLANNED and as nothing else.

        Raises:
            AssertionError: one of them ended otherwise.
        """
        await self.until_ended(*task_ids, deadline_s=deadline_s)
        others = {one: self.states[one] for one in task_ids if self.states[one] != "PLANNED"}
        if others:
            raise AssertionError(f"not PLANNED: {others}")

    async def until_all_ended(self) -> None:
        """Wait until every task that was heard of has ended, for late joiners as well."""
        known = list(self.states)  # the network thread may add to it meanwhile
        await self.until_ended(*known)
        accepted = [one for one in known if self.states[one] != "REJECTED"]
        await until(
            lambda: all(self.late_versions.get(one) == self.versions[one] for one in accepted), 20
        )

    async def until_state(self, task_id: str, *states: str, deadline_s: float = 20.0) -> None:
        """Wait until a task was last heard in one of these states."""
        await until(lambda: self.states.get(task_id) in states, deadline_s)

    async def until_offline(self, node_id: str = "planner-1") -> None:
        """Wait until a node was heard to have stopped in good order."""
        await self.until_true(lambda: self.node_states[node_id] == "OFFLINE")

    async def until_true(self, fact: Callable[[], object], deadline_s: float = 20.0) -> None:
        """Wait for anything else."""
        await until(fact, deadline_s)

    # -- network thread ----------------------------------------------------------------------

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        self.connects += 1
        options = SubscribeOptions(qos=1, noLocal=True)
        filters = (f"{ROOT}/#", "answers/#")
        client.subscribe([(name, options if self.is_v5 else 1) for name in filters])

    def _on_subscribe(self, *_: object) -> None:
        self._is_subscribed.set()

    def _on_publish(
        self, _client: object, _userdata: object, mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        with self._lock:
            task_id = self._sent.pop(mid, None)
            if task_id is None:
                self._early.add(mid)
            elif reason.value < _FIRST_REFUSAL:
                self._acknowledged(task_id)

    def _acknowledged(self, task_id: str) -> None:
        self.acked.add(task_id)
        self.history.write("acked", task_id=task_id)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{ROOT}/")
        payload = message.payload.decode("utf-8", errors="backslashreplace")
        self.history.write("received", topic=topic, payload=payload, retain=message.retain)
        self.heard[topic.rsplit("/", 1)[-1]] += 1
        match topic.split("/"):
            case ["robots", robot, "status"]:
                status = json.loads(payload)
                self.answers[robot].append(status)
                self._note(status)
            case ["tasks", task_id, "status"] if payload:
                self.late_versions[task_id] = json.loads(payload)["status_version"]
            case ["nodes", node_id, "status"]:
                self.node_states[node_id] = json.loads(payload)["state"]
            case ["nodes", node_id, "info"]:
                self.parts[node_id] = json.loads(payload)["partition"]
            case ["errors"]:
                self.problems.append(json.loads(payload))

    def _note(self, status: dict[str, Any]) -> None:
        task_id, version = status["task_id"], status["status_version"]
        if task_id is not None and version >= self.versions.get(task_id, 0):
            self.states[task_id], self.versions[task_id] = status["status"], version
