"""TLS towards a real mosquitto: what lets us in, and what the refusals say."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from planner_node.mqtt.client import Connection
from planner_node.mqtt.packets import Ending, EndKind, Outcome, Publication
from tests.fakes.mosquitto import Mosquitto, free_port, running
from tests.mqtt.conftest import Make

pytestmark = pytest.mark.broker

TLS = Path(__file__).parent / "tls"
CA, STRANGE_CA = str(TLS / "test-ca.crt"), str(TLS / "strange-ca.crt")
CONF = f"""allow_anonymous true
cafile {TLS}/test-ca.crt
certfile {TLS}/localhost.crt
keyfile {TLS}/localhost.key
"""


@pytest.fixture(scope="module")
def tls_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from listening(tmp_path_factory.mktemp("tls"), CONF)


@pytest.fixture(scope="module")
def mutual_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from listening(tmp_path_factory.mktemp("mutual"), f"{CONF}require_certificate true\n")


def listening(folder: Path, conf: str) -> Iterator[int]:
    port = free_port()
    with running(folder, f"listener {port} localhost\n{conf}", port):
        yield port


@pytest.fixture
async def opened(options: Make) -> AsyncIterator[Callable[..., object]]:
    """Open a connection with TLS; it is closed after the test."""
    connections: list[Connection] = []

    async def open_with(port: int, **fields: object) -> tuple[Connection, Ending | None]:
        given = options(port, **{"host": "localhost", "tls": True, "ca_file": CA, **fields})
        connection = Connection(given, is_v5=True, epoch=1, deliver=print)
        connections.append(connection)
        return connection, await connection.open()

    yield open_with
    await asyncio.gather(*(connection.close() for connection in connections))


Open = Callable[..., "asyncio.Future[tuple[Connection, Ending | None]]"]


async def test_known_ca_lets_us_talk(tls_port: int, opened: Open) -> None:
    connection, ending = await opened(tls_port)
    assert ending is None
    outcome = await connection.publish(Publication("a", b"x" * 100_000))
    assert outcome.outcome is Outcome.ACCEPTED


async def test_strange_ca_is_refused_with_the_reason(tls_port: int, opened: Open) -> None:
    _, ending = await opened(tls_port, ca_file=STRANGE_CA)
    assert ending is not None
    assert ending.kind is EndKind.UNREACHABLE
    assert "certificate verify failed" in ending.reason


async def test_expired_ca_is_refused_with_the_reason(tmp_path: Path, opened: Open) -> None:
    conf = CONF.replace("localhost.", "expired.")
    for port in listening(tmp_path, conf):
        _, ending = await opened(port, ca_file=str(TLS / "expired.crt"))
        assert ending is not None
        assert "certificate has expired" in ending.reason


async def test_wrong_host_name_is_refused_with_the_reason(tls_port: int, opened: Open) -> None:
    _, ending = await opened(tls_port, host="127.0.0.1")
    assert ending is not None
    assert "127.0.0.1" in ending.reason


async def test_missing_client_certificate_does_not_connect(mutual_port: int, opened: Open) -> None:
    _, ending = await opened(mutual_port)
    assert ending is not None


async def test_client_certificate_lets_us_in(mutual_port: int, opened: Open) -> None:
    certificate, key = str(TLS / "client.crt"), str(TLS / "client.key")
    _, ending = await opened(mutual_port, certificate_file=certificate, key_file=key)
    assert ending is None


async def test_renewed_file_is_picked_up_by_the_next_connection(
    tls_port: int, opened: Open, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.crt"
    shutil.copy(STRANGE_CA, ca_file)
    _, before = await opened(tls_port, ca_file=str(ca_file))
    shutil.copy(CA, ca_file)
    _, after = await opened(tls_port, ca_file=str(ca_file))
    assert before is not None
    assert after is None


async def test_tls_to_a_plain_port_does_not_hang(shared_mosquitto: Mosquitto, opened: Open) -> None:
    _, ending = await opened(shared_mosquitto.port, host="127.0.0.1")
    assert ending is not None
