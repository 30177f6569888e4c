"""What a step has to tell: at most one event per request."""

from planner_node.engine.request import Event
from planner_node.engine.sequence import Sequence


class News:
    """Collects new ids and ends, in the order in which the requests were first heard of."""

    def __init__(self) -> None:
        self._token_ids: dict[str, list[int]] = {}
        self._ended: dict[str, Sequence] = {}

    def add(self, sequence: Sequence, token_ids: list[int]) -> None:
        if token_ids:
            self._token_ids.setdefault(sequence.request.request_id, []).extend(token_ids)

    def end(self, sequence: Sequence) -> None:
        self._token_ids.setdefault(sequence.request.request_id, [])
        self._ended[sequence.request.request_id] = sequence

    def events(self) -> list[Event]:
        return [self._event(request_id, ids) for request_id, ids in self._token_ids.items()]

    def _event(self, request_id: str, token_ids: list[int]) -> Event:
        sequence = self._ended.get(request_id)
        if sequence is None:
            return Event(request_id, tuple(token_ids))
        return Event(
            request_id, tuple(token_ids), sequence.finished, sequence.usage(), sequence.error
        )
