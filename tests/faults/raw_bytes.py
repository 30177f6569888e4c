"""What nobody should ever send to a broker, word for word and by chance (B12)."""

import asyncio
import contextlib
import random
import struct
from collections.abc import Iterator
from typing import Final

CONNECT: Final = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"
SUBSCRIBE: Final = b"\x82\x06\x00\x01\x00\x01a\x01"
PUBLISH: Final = b"\x32\x06\x00\x01a\x00\x01x"
_PINGREQ: Final = b"\xc0\x00"

RAW: Final[dict[str, bytes]] = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
    "TLS hello": bytes.fromhex("16030100c4010000c00303") + bytes(200),
    "ones": b"\xff" * 64,
    "noughts": bytes(64),
    "a length without end": b"\x10" + b"\xff" * 12,
    "256 MiB announced": b"\x10\xff\xff\xff\x7f" + CONNECT[2:],
    "CONNECT twice": CONNECT + CONNECT,
    "SUBSCRIBE before CONNECT": SUBSCRIBE,
    "PUBLISH before CONNECT": PUBLISH + CONNECT,
    "CONNECT with a reserved flag": CONNECT[:9] + b"\x03" + CONNECT[10:],
    "CONNECT of another protocol": CONNECT.replace(b"MQTT", b"AMQP"),
    "CONNECT of version 9": CONNECT[:8] + b"\x09" + CONNECT[9:],
    "CONNECT with an id that is no text": CONNECT.replace(b"ab", b"\xff\xfe"),
    "SUBSCRIBE with bad flags": CONNECT + b"\x80" + SUBSCRIBE[1:],
    "SUBSCRIBE to nothing": CONNECT + b"\x82\x02\x00\x01",
    "SUBSCRIBE to half a wildcard": CONNECT + b"\x82\x08\x00\x01\x00\x03a+b\x01",
    "PUBLISH of QoS 3": CONNECT + b"\x36" + PUBLISH[1:],
    "PUBLISH to a wildcard": CONNECT + PUBLISH.replace(b"\x01a", b"\x01#"),
    "PUBLISH to no topic": CONNECT + b"\x32\x05\x00\x00\x00\x01x",
    "PUBLISH to a topic longer than the packet": CONNECT + b"\x32\x06\xff\xffa\x00\x01x",
    "PUBACK of what never came": CONNECT + b"\x40\x02\x12\x34",
    "reserved packets": CONNECT + b"\x00\x00\xf0\x00",
    "the server's own words": CONNECT + b"\x20\x02\x00\x00\x90\x03\x00\x01\x00\xd0\x00",
}
_SEEDS: Final = (CONNECT, SUBSCRIBE, PUBLISH, _PINGREQ, b"\x40\x02\x00\x01", b"\xe0\x00")


def fuzzed(chance: random.Random) -> bytes:
    """Return one packet that was a good one once."""
    packet = bytearray(chance.choice(_SEEDS))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(packet) + 1)
        match chance.randrange(4):
            case 0 if place < len(packet):
                packet[place] ^= 1 << chance.randrange(8)
            case 1:
                packet[place:place] = chance.randbytes(chance.randint(1, 6))
            case 2 if len(packet) > 1:
                del packet[place : place + chance.randint(1, 4)]
            case _:
                packet += chance.choice(_SEEDS)
    return bytes(packet)


def conversations(chance: random.Random, packets: int) -> Iterator[bytes]:
    """Yield what to say on one connection after the other, ``packets`` fuzzed ones in all."""
    while packets > 0:
        number = min(packets, chance.randint(1, 60))
        opening = CONNECT[:-2] + struct.pack("!H", chance.randrange(65_536)) if packets % 3 else b""
        yield opening + b"".join(fuzzed(chance) for _ in range(number))
        packets -= number


async def say(port: int, data: bytes, patience_s: float = 0.05) -> None:
    """Open a connection, say it, wait a moment for an answer, and hang up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(data)
        async with asyncio.timeout(patience_s):
            while await reader.read(4_096):
                pass
    writer.transport.abort()
