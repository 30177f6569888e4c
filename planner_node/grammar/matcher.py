"""Walks one document through a compiled grammar; fits the engine's ``Constraint``.

Belongs to one request. Built on the event loop, then used by the engine's thread alone.
"""

from llguidance import LLMatcher

from planner_node.errors import ConstraintBroken
from planner_node.grammar.script import ForbiddenCharacters, open_bytes


class Matcher:
    """Says which token may come next, and which must."""

    __slots__ = ("_before", "_forbidden", "_forcing", "_pending", "_state")

    def __init__(
        self, state: LLMatcher, *, forcing: bool, forbidden: ForbiddenCharacters | None = None
    ) -> None:
        self._state = state
        self._forcing = forcing
        self._forbidden = forbidden
        self._pending = b""
        self._before: list[bytes] = []  # what was pending before each consumed token

    @property
    def done(self) -> bool:
        """Whether the document is complete and nothing more may follow."""
        return bool(self._state.is_stopped()) and not self._state.is_error()

    def forced(self) -> list[int]:
        """Return the ids that must come next, already consumed."""
        if not self._forcing or self._state.is_stopped():
            return []
        token_ids: list[int] = self._state.compute_ff_tokens()
        if token_ids and not self._state.consume_tokens(token_ids):
            raise ConstraintBroken(self._state.get_error())
        self._remember(token_ids)
        return token_ids

    def fill(self, mask: memoryview) -> None:
        """Write the allowed ids into ``mask``: int32 words, one bit per id, lowest bit first."""
        allowed: bytes = self._state.compute_bitmask()
        if self._state.is_error():
            raise ConstraintBroken(self._state.get_error())
        words = mask.cast("B")
        words[:] = self._narrowed(allowed[: len(words)])  # the library adds a spare word

    def legal(self, token_id: int) -> bool:
        """Tell whether the grammar takes the id and it writes nothing forbidden: 2 µs, no mask."""
        if self._forbidden is not None and self._forbidden.forbids(token_id, self._pending):
            return False
        return bool(self._state.validate_tokens([token_id]))

    def accept(self, token_id: int) -> None:
        """Consume one id; raise ConstraintBroken when the grammar does not allow it."""
        if not self._state.consume_token(token_id):
            raise ConstraintBroken(self._state.get_error())
        self._remember([token_id])

    def rollback(self, num_tokens: int) -> None:
        """Take back the last ``num_tokens`` consumed ids."""
        if not num_tokens:
            return
        if not self._state.rollback(num_tokens):
            raise ConstraintBroken(self._state.get_error())
        if self._forbidden is not None:
            self._pending = self._before[-num_tokens]
            del self._before[-num_tokens:]

    def accept_run(self, token_ids: list[int]) -> int:
        """Consume ids as far as the grammar allows them; return how many those are."""
        allowed = int(self._state.validate_tokens(token_ids))
        self._state.consume_tokens(token_ids[:allowed])
        self._remember(token_ids[:allowed])
        return allowed

    def _narrowed(self, allowed: bytes) -> bytes:
        if self._forbidden is None:
            return allowed
        bits = int.from_bytes(allowed, "little")
        narrow = bits & ~self._forbidden.mask(self._pending)
        # A text that the schema itself dictates may hold a forbidden character: the schema wins.
        return narrow.to_bytes(len(allowed), "little") if narrow else allowed

    def _remember(self, token_ids: list[int]) -> None:
        if self._forbidden is None:
            return
        for token_id in token_ids:
            self._before.append(self._pending)
            self._pending = open_bytes(self._pending + self._forbidden.bytes_of[token_id])
