"""What one server has told of one answer, and what it said of its end and its cost."""

import logging
from collections.abc import AsyncIterator

from planner_node.completion.remote.check import AnswerCheck
from planner_node.completion.remote.failure import EndpointFailed, Fault, Kind
from planner_node.completion.remote.pieces import Cost, Piece
from planner_node.completion.request import FinishReason

log = logging.getLogger(__name__)


class Answer:
    """Takes piece after piece; once ``is_whole``, nothing that comes is held against it."""

    def __init__(self, writer: str, check: AnswerCheck, prompt_tokens: int) -> None:
        self.counted: Cost | None = None
        self._writer = writer
        self._check = check
        self._finish: FinishReason | None = None
        self._prompt_tokens = prompt_tokens
        self._pieces = 0

    @property
    def is_whole(self) -> bool:
        """Whether a call is complete."""
        return self._check.done

    @property
    def cost(self) -> Cost:
        """What the server counted, else one token a piece: each is at least that."""
        return self.counted or Cost(
            prompt_tokens=self._prompt_tokens, completion_tokens=self._pieces
        )

    def take(self, piece: Piece) -> str:
        """Return the text to hand on; raise PlanInvalid as ``AnswerCheck.feed``."""
        text = self._check.feed(piece.text)
        self._pieces += bool(text)
        self._finish = piece.finish or self._finish
        self.counted = piece.cost or self.counted
        return text

    async def take_rest(self, pieces: AsyncIterator[Piece]) -> None:
        """Read on after a whole call, for the cost; a server that fails now has done its work."""
        try:
            async for piece in pieces:
                self.take(piece)
        except EndpointFailed as error:
            log.warning("! endpoint %s; the call was whole", error)

    def finish(self) -> FinishReason:
        """Return how it ended.

        Raises:
            EndpointFailed: it stopped without an end.
            PlanInvalid: the server ended it before the call was complete.
        """
        if self.is_whole:
            return FinishReason.TOOL_CALL
        if self._finish is None:
            raise EndpointFailed(self._writer, Fault(Kind.STUMBLED, "stopped in mid-answer"))
        if self._finish is FinishReason.STOP:
            self._check.finish()
        return self._finish
