"""A short visit to the broker, for the commands that speak MQTT."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from messages.wire import new_id
from planner_node.errors import BrokerRefused, SettingsRefused
from planner_node.mqtt.address import connect_options
from planner_node.mqtt.client import Connection
from planner_node.mqtt.packets import (
    BAD_CREDENTIALS,
    FIRST_REFUSAL,
    ConnectOptions,
    Delivery,
    EndKind,
    Outcome,
    Publication,
    Subscription,
)
from planner_node.settings import Settings

_START_A_NODE: Final = (
    "Start the node with `planner-node serve`, or name your broker: PLANNER__MQTT__URL. "
    "請先啟動節點，或以 PLANNER__MQTT__URL 指定 broker。"
)
_NAME_YOURSELF: Final = (
    "Check the user and the password: PLANNER__MQTT__USERNAME and PLANNER__MQTT__PASSWORD. "
    "請檢查使用者與密碼：PLANNER__MQTT__USERNAME 與 PLANNER__MQTT__PASSWORD。"
)
_MEND_THE_FILES: Final = "Check the files that mqtt names."
_OTHER_VERSION: Final = (EndKind.UNSUPPORTED_VERSION, EndKind.HUNG_UP)


@dataclass(frozen=True, slots=True)
class Visit:
    """An open connection and what comes in on it."""

    connection: Connection
    inbox: asyncio.Queue[Delivery]

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 1.

        Raises:
            BrokerRefused: the broker said no, or the connection broke.
        """
        outcome = await self.connection.publish(Publication(topic, payload))
        if outcome.outcome is not Outcome.ACCEPTED:
            raise BrokerRefused(f"The broker did not take the message: {outcome.reason}")

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield what comes in, acknowledged.

        Raises:
            BrokerRefused: the connection broke.
        """
        ended = asyncio.create_task(self.connection.ended(), name="cli.ended")
        try:
            while True:
                arrival = asyncio.create_task(self.inbox.get(), name="cli.arrival")
                await asyncio.wait({arrival, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not arrival.done():
                    arrival.cancel()
                    raise BrokerRefused(f"The connection ended: {ended.result().reason}")
                delivery = arrival.result()
                self.connection.acknowledge(delivery)
                yield delivery
        finally:
            ended.cancel()


@asynccontextmanager
async def visit(settings: Settings, filters: Sequence[str]) -> AsyncIterator[Visit]:
    """Connect and subscribe while the block runs.

    Raises:
        BrokerRefused: no broker there, or it does not let us in or subscribe; or we would come as
            the node.
        SettingsRefused: a file of TLS or of the password cannot be used.
    """
    mqtt = settings.mqtt
    url = mqtt.url or f"mqtt://127.0.0.1:{mqtt.port}"
    found = mqtt.model_copy(update={"url": url})
    options = connect_options(found, f"planner-cli-{new_id()[:12]}", will=None)
    _refuse_the_nodes_user(options, settings.node_id)
    inbox: asyncio.Queue[Delivery] = asyncio.Queue()
    connection = await _connect(replace(options, session_expiry_s=0), inbox)
    try:
        codes = await connection.subscribe([Subscription(name) for name in filters])
        if len(codes) < len(filters) or any(code >= FIRST_REFUSAL for code in codes):
            raise BrokerRefused(f"{options.url} does not let us subscribe to {', '.join(filters)}.")
        yield Visit(connection, inbox)
    finally:
        await connection.close()


def is_nodes_user(options: ConnectOptions, node_id: str) -> bool:
    """Whether a broker that knows clients by their user would take us for the node.

    As config/mosquitto.conf does: it would put the node off, and end its session with our visit.
    """
    return options.username == node_id


def _refuse_the_nodes_user(options: ConnectOptions, node_id: str) -> None:
    if is_nodes_user(options, node_id):
        raise BrokerRefused(
            f"{options.username} is the node's own user: the broker may put the node off for us.",
            hint="Come as somebody else, who needs a password and lines in the broker's ACL: "
            "PLANNER__MQTT__USERNAME=operator and PLANNER__MQTT__PASSWORD. "
            f"{options.username} 是節點自己的使用者，以它連線會讓 broker 中斷節點；"
            "請以 PLANNER__MQTT__USERNAME 與 PLANNER__MQTT__PASSWORD 改用其他使用者。",
        )


async def _connect(options: ConnectOptions, inbox: asyncio.Queue[Delivery]) -> Connection:
    connection = Connection(options, is_v5=True, epoch=1, deliver=inbox.put_nowait)
    ending = await connection.open()
    if ending is not None and ending.kind in _OTHER_VERSION:
        connection = Connection(options, is_v5=False, epoch=2, deliver=inbox.put_nowait)
        ending = await connection.open()
    if ending is None:
        return connection
    if ending.kind is EndKind.UNTRIED:
        raise SettingsRefused(
            f"No connection to {options.url}: {ending.reason}", hint=_MEND_THE_FILES
        )
    is_ours = ending.reason_code in BAD_CREDENTIALS
    hint = _NAME_YOURSELF if is_ours else _START_A_NODE
    raise BrokerRefused(f"No connection to {options.url}: {ending.reason}", hint=hint)
