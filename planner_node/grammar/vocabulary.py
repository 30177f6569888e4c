"""The model's tokens as the grammar sees them: bytes."""

import codecs
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Final, Self

from llguidance import LLTokenizer

# A call as every model writes it, and places where what comes next is the model's own choice.
_SAMPLE: Final = (
    '{"name": "decompose_task", "parameters": {"tasks": [{"task": "a", "description": "b"}, '
    '{"task": "c", "description": "d"}]}}'
)
_NAME: Final = '{"name": "'
_FREE_AFTER: Final = ('"tasks": [', '"a"', '"b"', '"b"}', '"d"}')
_BYTES: Final = 256
_END: Final = _BYTES + 5  # llguidance's byte tokenizer: the bytes, a few marks, the end of the text
_TAKEN_BACK_TOKENS: Final = 4  # how far llguidance looks back from the end of a forced run


class Vocabulary:
    """A tokenizer's tokens, from the JSON of a Hugging Face fast tokenizer.

    ``size`` is the width of the model's logits, which may exceed the tokenizer's own vocabulary;
    ``stop_tokens`` end free text. Building it takes about two seconds for 128k tokens: build once.
    """

    def __init__(self, tokenizer_json: str, size: int, stop_tokens: Collection[int]) -> None:
        self.size = size
        self.stop_tokens = frozenset(stop_tokens)
        self.tokens = LLTokenizer(tokenizer_json, n_vocab=size, eos_token=sorted(stop_tokens))

    @classmethod
    def of_bytes(cls) -> Self:
        """Return the vocabulary of no model: every byte a token, at once there."""
        return cls("byte", _END + 1, {_END})

    @cached_property
    def can_force(self) -> bool:
        """Whether forced text has the tokens that the model was trained on.

        A tokenizer with long tokens for the skeleton of a call may write what comes before a free
        place in another way once it knows what follows; then the model must choose each token.
        """
        return bool(self.tokens.is_canonical) and all(map(self._is_stable, _FREE_AFTER))

    def _is_stable(self, mark: str) -> bool:
        """Whether the tokens before the mark's end stay what they are, whatever follows."""
        tokenize = self.tokens.tokenize_str
        before = tokenize(_SAMPLE[: _SAMPLE.index(mark) + len(mark)])[:-_TAKEN_BACK_TOKENS]
        return bool(before == tokenize(_SAMPLE)[: len(before)])

    def first_token_of(self, tool_name: str) -> int:
        """Return the first id of a tool's name in a call, by which the model chooses the tool."""
        told = 0
        for token_id in self.tokens.tokenize_str(f'{_NAME}{tool_name}", "parameters": {{"'):
            told += len(self.tokens.decode_bytes([token_id]))
            if told > len(_NAME):
                return int(token_id)
        raise ValueError("a tool's name must not be empty")

    @cached_property
    def bytes_of(self) -> tuple[bytes, ...]:
        """The bytes of every token by id; special tokens have none."""
        special, decode = self.tokens.is_special_token, self.tokens.decode_bytes
        return tuple(b"" if special(index) else decode([index]) for index in range(self.size))

    @cached_property
    def closing(self) -> frozenset[int]:
        """The tokens that close an object; the first one in a plan ends its first subtask."""
        return frozenset(index for index, text in enumerate(self.bytes_of) if b"}" in text)

    @cached_property
    def plain(self) -> int:
        """The tokens that are text or end it, as an integer with one bit per id."""
        bits = bytearray(self.size // 8 + 1)
        for index, text in enumerate(self.bytes_of):
            if text or index in self.stop_tokens:
                bits[index // 8] |= 1 << index % 8
        return int.from_bytes(bits, "little")


class TextDecoder:
    """Turns ids into text as they come, holding back what is not yet a whole character.

    A character that never ends, because the token limit cut it, is never told.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._bytes_of = vocabulary.bytes_of
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token_ids: Iterable[int]) -> str:
        """Return the text that became certain; special tokens have no text."""
        return self._utf8.decode(b"".join(self._bytes_of[index] for index in token_ids))
