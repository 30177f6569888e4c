"""Somebody else at the broker: a bare connection with an inbox."""

import asyncio

from planner_node.mqtt.client import Connection
from planner_node.mqtt.packets import ConnectOptions, Delivery, Ending, EndKind, Subscription

GONE = Ending(EndKind.CLOSED, "the test cut it")


class Client:
    """A connection with its inbox."""

    def __init__(self, options: ConnectOptions, *, is_v5: bool = True, epoch: int = 1) -> None:
        self.inbox: asyncio.Queue[Delivery] = asyncio.Queue()
        self.connection = Connection(
            options, is_v5=is_v5, epoch=epoch, deliver=self.inbox.put_nowait
        )

    async def next(self) -> Delivery:
        async with asyncio.timeout(5):
            return await self.inbox.get()


async def connected(options: ConnectOptions, *filters: str, epoch: int = 1) -> Client:
    """Connect as the link does: MQTT 5, and 3.1.1 when that is refused."""
    client = Client(options, epoch=epoch)
    ending = await client.connection.open()
    if ending is not None:
        client = Client(options, is_v5=False, epoch=epoch)
        ending = await client.connection.open()
    if ending is not None:
        raise ConnectionError(ending.reason)
    if filters:
        codes = await client.connection.subscribe([Subscription(name) for name in filters])
        if codes != [1] * len(filters):
            raise ConnectionError(f"subscription refused: {codes}")
    return client
