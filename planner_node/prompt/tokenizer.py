"""What rendering needs of a tokenizer, and how a Hugging Face tokenizer gives it."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, Self

from jinja2 import TemplateError
from pydantic import JsonValue

from messages.problem import ProblemCode
from planner_node.errors import BadCommand

# The Llama 3.1 template writes a date into the system turn. Pinned, else the same conversation has
# another prompt, and an empty prefix cache, every midnight. This is the template's own default.
PINNED_DATE: Final = "26 Jul 2024"
_SENTENCEPIECE_SPACE: Final = "\u2581"

Turn = Mapping[str, JsonValue]


class PromptTokenizer(Protocol):
    """A chat template and plain text to ids."""

    @property
    def specials(self) -> Mapping[str, int]:
        """The special tokens, text to id."""
        ...

    def template(self, turns: Sequence[Turn], tools: Sequence[Turn]) -> str:
        """Return the conversation as one text, up to where the assistant speaks."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text: no special token is added, none is recognised."""
        ...


class Encoding(Protocol):
    """One encoded text."""

    @property
    def ids(self) -> list[int]: ...


class Backend(Protocol):
    """The Rust tokenizer below a fast tokenizer."""

    encode_special_tokens: bool

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Encoding: ...
    def to_str(self) -> str: ...
    def no_padding(self) -> None: ...
    def no_truncation(self) -> None: ...
    @classmethod
    def from_str(cls, json: str) -> Self: ...


class AddedToken(Protocol):
    """A token beside the merges."""

    content: str
    special: bool


class FastTokenizer(Protocol):
    """The part of transformers' fast tokenizers that is used here."""

    def __hash__(self) -> int: ...

    @property
    def backend_tokenizer(self) -> Backend: ...
    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]: ...
    def convert_tokens_to_ids(self, tokens: str) -> int: ...
    def decode(self, token_ids: list[int]) -> str: ...
    def save_pretrained(self, save_directory: str) -> object: ...
    def apply_chat_template(
        self,
        conversation: Sequence[Turn],
        *,
        tools: Sequence[Turn] | None,
        add_generation_prompt: bool,
        tokenize: bool,
        date_string: str,
        tools_in_user_message: bool,
    ) -> str: ...


class ChatTokenizer:
    """A Hugging Face fast tokenizer with a chat template, as a ``PromptTokenizer``.

    Works on a copy of the Rust tokenizer that reads special tokens as plain text, so that nothing
    is switched while another thread encodes. Special is there what works as such, whether or not
    the model's files call it so: to many models ``<tool_call>`` is a token like any other.
    """

    def __init__(self, tokenizer: FastTokenizer) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        self._specials = {
            token.content: index for index, token in added.items() if _is_special(token)
        }
        self._plain = _copy(tokenizer.backend_tokenizer, added)
        self._plain.encode_special_tokens = True  # that is: as text
        self._plain.no_padding()
        self._plain.no_truncation()

    @property
    def specials(self) -> Mapping[str, int]:
        return self._specials

    @property
    def json(self) -> str:
        """The tokenizer as the JSON that the grammar reads."""
        return self._plain.to_str()

    def template(self, turns: Sequence[Turn], tools: Sequence[Turn]) -> str:
        """Raise BadCommand when the model's template refuses the order of the turns."""
        try:
            return self._tokenizer.apply_chat_template(
                turns,
                tools=tools or None,
                add_generation_prompt=True,
                tokenize=False,
                date_string=PINNED_DATE,
                tools_in_user_message=False,  # in the system turn, where every request shares them
            )
        except (TemplateError, ValueError) as error:  # ValueError: there are no turns at all
            raise BadCommand(ProblemCode.SCHEMA_INVALID, f"chat template: {error}") from error

    def encode(self, text: str) -> list[int]:
        return self._plain.encode(text, add_special_tokens=False).ids


def _is_special(token: AddedToken) -> bool:
    """Whether no text may become this token.

    A blank, and a word that somebody added to the vocabulary, are text; marks begin with a sign.
    """
    return token.special or not (_is_blank(token.content) or token.content[:1].isalnum())


def _is_blank(text: str) -> bool:
    return not text.replace(_SENTENCEPIECE_SPACE, "").strip()


def _copy(backend: Backend, added: Mapping[int, AddedToken]) -> Backend:
    """Return a copy in which all that is special is called so; it is what the copy goes by."""
    text = backend.to_str()
    unnamed = {
        token.content for token in added.values() if _is_special(token) and not token.special
    }
    if unnamed:  # else without reading, which for 128k tokens takes half a second
        tree = json.loads(text)
        for entry in tree["added_tokens"]:
            entry["special"] |= entry["content"] in unnamed
        text = json.dumps(tree, ensure_ascii=False)
    return type(backend).from_str(text)
