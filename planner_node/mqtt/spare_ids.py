"""Ids for tasks that bring none: the same one where the broker delivers such a task again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from messages.wire import new_id
from planner_node.mqtt.packets import Delivery

_REMEMBERED: Final = 1_024
Proof = Callable[[], bool]


@dataclass(slots=True)
class _Spare:
    """An id, and what tells that the broker has its acknowledgement; None before there is one."""

    task_id: str
    proof: Proof | None = None


class SpareIds:
    """Remembers the ids by packet id, topic and content.

    A broker that has not had the acknowledgement sends the task again (DUP), and it is the same
    task. Once it has, the same packet id means another task, though its words be the same.
    """

    def __init__(self) -> None:
        self._spares: OrderedDict[tuple[int, str, bytes], _Spare] = OrderedDict()

    def source(self, delivery: Delivery) -> Callable[[], str]:
        """Return what gives a delivery's id: made when it is asked for, and then the same."""
        made: list[str] = []

        def spare_id() -> str:
            if not made:
                made.append(self._of(delivery))
            return made[0]

        return spare_id

    def acknowledged(self, delivery: Delivery, proof: Proof) -> None:
        """Note that our acknowledgement is on its way; ``proof`` tells when it has come."""
        if self._spares and (spare := self._spares.get(_key(delivery))) is not None:
            spare.proof = proof

    def _of(self, delivery: Delivery) -> str:
        key = _key(delivery)
        spare = self._spares.get(key)
        if spare is None or not delivery.dup or (spare.proof is not None and spare.proof()):
            spare = self._spares[key] = _Spare(new_id())
        self._spares.move_to_end(key)
        while len(self._spares) > _REMEMBERED:
            self._spares.popitem(last=False)
        return spare.task_id


def _key(delivery: Delivery) -> tuple[int, str, bytes]:
    return delivery.mid, delivery.topic, hashlib.sha256(delivery.payload).digest()
