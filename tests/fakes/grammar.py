"""Small things that tests of grammars share: a tiny vocabulary, tools, and a random writer."""

import random
from collections.abc import Sequence
from functools import cache
from typing import Final

from pydantic import JsonValue

from planner_node.grammar.free_text import FreeText
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.tool import Tool, ToolChoice, ToolUse
from planner_node.grammar.vocabulary import Vocabulary
from planner_node.prompt.tokenizer import FastTokenizer
from tests.fakes.catalog import shipped_catalog
from tests.fakes.tokenizer import (
    LLAMA_31_SIZE,
    LLAMA_31_STOPS,
    backend_json,
    llama_31_tokenizer,
    stop_tokens,
    tiny_tokenizer,
)

DECOMPOSE: Final = shipped_catalog().tool("decompose_task")
IN_TASK: Final = '{"name": "decompose_task", "parameters": {"tasks": [{"task": "'


@cache
def tiny_vocabulary() -> Vocabulary:
    """Return the vocabulary of the tiny tokenizer."""
    return _vocabulary(tiny_tokenizer(), 400)


@cache
def llama_31_vocabulary() -> Vocabulary:
    """Return the vocabulary of the official Llama 3.1 tokenizer; takes seconds."""
    return Vocabulary(backend_json(llama_31_tokenizer()), LLAMA_31_SIZE, LLAMA_31_STOPS)


def _vocabulary(tokenizer: FastTokenizer, size: int) -> Vocabulary:
    return Vocabulary(backend_json(tokenizer), size, stop_tokens(tokenizer))


def tool_with(**properties: JsonValue) -> Tool:
    """Return a tool with these properties, all of them required."""
    parameters: dict[str, JsonValue] = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }
    return Tool("make", "Make something.", parameters)


def tiny_library() -> GrammarLibrary:
    """Return a fresh library over the tiny vocabulary."""
    return GrammarLibrary(tiny_vocabulary())


def tiny_matcher(
    tools: Sequence[Tool], choice: ToolChoice = ToolUse.REQUIRED, language: str | None = None
) -> Matcher:
    """Return a matcher for the tools over the tiny vocabulary."""
    matcher = tiny_library().matcher(tools, choice, language)
    assert isinstance(matcher, Matcher)
    return matcher


def allowed(matcher: Matcher | FreeText, vocabulary: Vocabulary) -> list[int]:
    """Return the ids that may come next."""
    mask = bytearray((vocabulary.size + 31) // 32 * 4)
    matcher.fill(memoryview(mask).cast("i"))
    return [
        place * 8 + bit
        for place, byte in enumerate(mask)
        for bit in (range(8) if byte else ())
        if byte >> bit & 1
    ]


def write(matcher: Matcher | FreeText, text: str, vocabulary: Vocabulary) -> int:
    """Write ``text`` in the longest tokens that are allowed; return how many bytes were."""
    left = text.encode()
    while left:
        fits = [i for i in allowed(matcher, vocabulary) if _begins(left, vocabulary.bytes_of[i])]
        if not fits:
            break
        longest = max(fits, key=lambda token_id: len(vocabulary.bytes_of[token_id]))
        matcher.accept(longest)
        left = left[len(vocabulary.bytes_of[longest]) :]
    return len(text.encode()) - len(left)


def _begins(text: bytes, token: bytes) -> bool:
    return bool(token) and text.startswith(token)


def random_document(matcher: Matcher | FreeText, vocabulary: Vocabulary, seed: int) -> str | None:
    """Write one document at random; None where it does not close within the steps given.

    Closing brackets and quotes are preferred now and then, else a random writer never ends.
    """
    chance = random.Random(seed)
    closing = {i for i, text in enumerate(vocabulary.bytes_of) if text[:1] in {b'"', b"}", b"]"}}
    written: list[int] = list(matcher.forced())
    for _ in range(3_000):
        if matcher.done:
            return b"".join(vocabulary.bytes_of[i] for i in written).decode()
        choices = allowed(matcher, vocabulary)
        ends = [token_id for token_id in choices if token_id in closing]
        token_id = chance.choice(ends if ends and chance.random() < 0.3 else choices)
        matcher.accept(token_id)
        written += [token_id, *matcher.forced()]
    return None
