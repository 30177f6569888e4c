"""The model's tokens as the grammar sees them: bytes."""

import codecs
from collections.abc import Collection, Iterable
from functools import cached_property

from llguidance import LLTokenizer


class Vocabulary:
    """A tokenizer's tokens, from the JSON of a Hugging Face fast tokenizer.

    ``size`` is the width of the model's logits, which may exceed the tokenizer's own vocabulary;
    ``stop_tokens`` end free text. Building it takes about two seconds for 128k tokens: build once.
    """

    def __init__(self, tokenizer_json: str, size: int, stop_tokens: Collection[int]) -> None:
        self.size = size
        self.stop_tokens = frozenset(stop_tokens)
        self.tokens = LLTokenizer(tokenizer_json, n_vocab=size, eos_token=sorted(stop_tokens))

    @property
    def is_canonical(self) -> bool:
        """Whether forced text has one tokenization that can be told without the model."""
        return bool(self.tokens.is_canonical)

    @cached_property
    def bytes_of(self) -> tuple[bytes, ...]:
        """The bytes of every token by id; special tokens have none."""
        special, decode = self.tokens.is_special_token, self.tokens.decode_bytes
        return tuple(b"" if special(index) else decode([index]) for index in range(self.size))

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
