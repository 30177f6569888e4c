"""Free text with nothing in it but text; fits the engine's ``Constraint``.

A model may put special tokens into its answer, and slide from Traditional Chinese into Simplified.
Neither can be written here.
"""

from collections.abc import Sequence

from planner_node.errors import ConstraintBroken
from planner_node.grammar.script import ForbiddenCharacters, open_bytes
from planner_node.grammar.vocabulary import Vocabulary


class FreeText:
    """Allows plain tokens and the ends of the turn; never done by itself."""

    __slots__ = ("_allowed", "_before", "_bytes_of", "_forbidden", "_pending")

    def __init__(self, vocabulary: Vocabulary, forbidden: ForbiddenCharacters) -> None:
        self._allowed = vocabulary.plain
        self._bytes_of: Sequence[bytes] = vocabulary.bytes_of
        self._forbidden = forbidden
        self._pending = b""
        self._before: list[bytes] = []  # what was pending before each consumed token

    @property
    def done(self) -> bool:
        return False

    def forced(self) -> list[int]:
        return []

    def fill(self, mask: memoryview) -> None:
        """Write the allowed ids into ``mask``: int32 words, one bit per id, lowest bit first."""
        words = mask.cast("B")
        allowed = self._allowed & ~self._forbidden.mask(self._pending)
        words[:] = allowed.to_bytes(len(words), "little")

    def legal(self, token_id: int) -> bool:
        """Tell whether the id is text, or an end, that writes nothing forbidden."""
        is_text = bool(self._allowed >> token_id & 1)
        return is_text and not self._forbidden.forbids(token_id, self._pending)

    def accept(self, token_id: int) -> None:
        """Consume one id; raise ConstraintBroken when it is not allowed."""
        if not self._allowed >> token_id & 1:
            raise ConstraintBroken(f"token {token_id} is not text")
        self._before.append(self._pending)
        self._pending = open_bytes(self._pending + self._bytes_of[token_id])

    def rollback(self, num_tokens: int) -> None:
        """Take back the last ``num_tokens`` consumed ids."""
        if num_tokens:
            self._pending = self._before[-num_tokens]
            del self._before[-num_tokens:]
