"""Which of several nodes a robot belongs to: the highest of one draw per node (rendezvous hashing).

Pure, and the same on every machine and for every version of Python. A node that joins wins about
one robot in N from the others, and none moves between them; one that leaves gives up only its own.
"""

from collections.abc import Callable
from hashlib import blake2b

IsOurs = Callable[[str], bool]


def owner_of(robot_id: str, count: int) -> int:
    """Return the index, from 0, of the node of ``count`` that takes this robot."""
    return max(range(count), key=lambda index: _draw(robot_id, index))


def partition(index: int, count: int) -> IsOurs:
    """Return what tells whether node ``index`` of ``count`` takes a robot."""
    if count == 1:
        return lambda _: index == 0
    return lambda robot_id: owner_of(robot_id, count) == index


def _draw(robot_id: str, index: int) -> bytes:
    return blake2b(f"{index}/{robot_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
