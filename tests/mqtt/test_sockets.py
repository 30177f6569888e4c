"""What stands where paho looks for its sockets: bytes ahead, bytes in one piece, and in time."""

import contextlib
import socket
from collections.abc import Callable

import pytest

from planner_node.mqtt import sockets
from planner_node.mqtt.sockets import BufferedSocket, dated

Pair = tuple[BufferedSocket, socket.socket]
Now = Callable[[float], None]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    """Set the clock."""
    return lambda now_s: monkeypatch.setattr(sockets, "monotonic_s", lambda: now_s)


def test_many_small_reads_are_one_of_the_line(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abcdef")
    assert ours.recv(1) == b"a"
    assert ours.pending() == 5
    theirs.sendall(b"g")
    assert (ours.recv(2), ours.recv(100), ours.recv(100)) == (b"bc", b"def", b"g")
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_end_of_the_line_is_read_as_such(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"x")
    theirs.shutdown(socket.SHUT_WR)
    assert (ours.recv(9), ours.recv(9), ours.recv(9)) == (b"x", b"", b"")


def test_nothing_is_written_before_flush(pair: Pair) -> None:
    ours, theirs = pair
    theirs.settimeout(0)
    assert ours.send(b"ab") + ours.send(b"cd") == 4
    with pytest.raises(BlockingIOError):
        theirs.recv(9)
    ours.flush()
    assert (theirs.recv(9), ours.has_unsent) == (b"abcd", False)


def test_what_the_line_does_not_take_is_kept(pair: Pair) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 16_384
    ours.send(data)
    with pytest.raises(BlockingIOError):
        ours.flush()
    heard = b""
    while len(heard) < len(data):
        heard += theirs.recv(1_000_000)
        try:
            ours.flush()
        except BlockingIOError:
            continue
    assert heard == data


@pytest.mark.parametrize(("now_s", "heard"), [(9.9, b"1"), (10.0, b"")])
def test_what_is_too_late_is_never_written(
    pair: Pair, now: Now, now_s: float, heard: bytes
) -> None:
    """A process that was stopped in between would overwrite what its heir has said."""
    ours, theirs = pair
    ours.send(dated(b"1", 10.0))
    now(now_s)
    for end in (ours.flush, ours.close):
        with contextlib.suppress(TimeoutError):
            end()
    assert theirs.recv(9) == heard


def test_what_was_written_in_time_holds_up_nothing_later(pair: Pair, now: Now) -> None:
    ours, theirs = pair
    now(9.0)
    ours.send(dated(b"1", 10.0))
    ours.flush()
    now(11.0)
    ours.send(b"2")
    ours.flush()
    assert theirs.recv(9) == b"12"


def test_end_of_the_line_does_not_write_the_rest_of_what_is_too_late(pair: Pair, now: Now) -> None:
    ours, theirs = pair
    now(9.0)
    data = bytes(3_000_000)
    ours.send(dated(data, 10.0))
    with pytest.raises(BlockingIOError):
        ours.flush()
    now(10.0)
    heard_bytes = len(theirs.recv(65_536))  # the line has room again
    ours.close()
    while piece := theirs.recv(1_000_000):
        heard_bytes += len(piece)
    assert 0 < heard_bytes < len(data)


def test_close_sends_what_is_left(pair: Pair) -> None:
    ours, theirs = pair
    ours.send(b"goodbye")
    ours.close()
    assert theirs.recv(9) == b"goodbye"
