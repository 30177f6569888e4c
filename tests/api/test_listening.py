"""The address that HTTP listens on."""

import asyncio
import socket

from planner_node.api.listening import listen
from planner_node.settings import HttpSettings


async def test_an_answer_is_sent_without_waiting_for_more_to_send() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken: socket.socket = writer.get_extra_info("socket")
        accepted.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen(HttpSettings(host="127.0.0.1", port=0)) as listener:
        async with await asyncio.start_server(note, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await asyncio.wait_for(accepted, 10) != 0
            writer.close()
