"""Compiles tools to grammars once and hands out matchers; belongs to the event loop's thread."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeVar

from llguidance import LLMatcher, LLParserLimits
from pydantic import JsonValue

from planner_node.errors import UnsupportedSchema
from planner_node.grammar.document import STYLE, call_grammar
from planner_node.grammar.free_text import FreeText
from planner_node.grammar.limits import SchemaLimits
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.refusal import refusal
from planner_node.grammar.script import ForbiddenCharacters, keeps_traditional, simplified_only
from planner_node.grammar.size import check_size
from planner_node.grammar.tool import NamedTool, Tool, ToolChoice, ToolUse
from planner_node.grammar.vocabulary import Vocabulary

# The library's own fuel, below its defaults: what the checks of sizes and of work have not told
# ends here, after some 40 ms, as a refused schema or as one broken request. The first takes 0.3 µs,
# and an integer without bounds 1,600 of it; what the last counts takes 4 µs.
_FUEL: Final = {
    "initial_lexer_fuel": 120_000,
    "step_lexer_fuel": 100_000,
    "step_max_items": 25_000,
    "max_lexer_states": 50_000,
    "max_grammar_size": 10_000,
    "verbose_errors": False,
}
_Kept = TypeVar("_Kept")


class GrammarLibrary:
    """The grammars of the tools in use, in one style; the least recently used leave first."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        limits: SchemaLimits | None = None,
        capacity: int = 64,
        style: Mapping[str, JsonValue] = STYLE,
    ) -> None:
        self._vocabulary = vocabulary
        self._style = style
        self._limits = limits or SchemaLimits()
        self._capacity = capacity
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()
        self._refused: OrderedDict[str, UnsupportedSchema] = OrderedDict()
        self._traditional: ForbiddenCharacters | None = None

    def __len__(self) -> int:
        return len(self._compiled)

    def matcher(
        self, tools: Sequence[Tool], choice: ToolChoice, language: str | None = None
    ) -> Matcher | FreeText | None:
        """Return a fresh constraint for one request, or None where anything may be written.

        ``language`` is the BCP 47 tag that the answer's strings must keep to.
        Raises UnsupportedSchema for a schema that cannot be kept or a choice that is not offered.
        """
        forbidden = self._forbidden(language)
        if choice is ToolUse.NONE or not tools:
            return FreeText(self._vocabulary, forbidden) if forbidden else None
        state = self._grammar(_chosen(tools, choice), or_text=choice is ToolUse.AUTO).deep_copy()
        return Matcher(
            state,
            forcing=self._vocabulary.can_force,
            forbidden=forbidden,
        )

    def prepare(self) -> None:
        """Read the vocabulary once, which takes tenths of a second, before anyone waits for it."""
        forbidden = self._forbidden("zh-TW")
        if forbidden:
            FreeText(self._vocabulary, forbidden)

    def _forbidden(self, language: str | None) -> ForbiddenCharacters | None:
        if not keeps_traditional(language):
            return None
        if self._traditional is None:
            self._traditional = ForbiddenCharacters(self._vocabulary, simplified_only())
        return self._traditional

    def _grammar(self, tools: Sequence[Tool], *, or_text: bool) -> LLMatcher:
        key = self._key(tools, or_text=or_text)
        if key in self._refused:
            self._refused.move_to_end(key)
            raise _again(self._refused[key])
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        try:
            state = self._compile(tools, or_text=or_text)
        except UnsupportedSchema as error:
            self._keep(self._refused, key, _again(error))  # without what led to it
            raise
        self._keep(self._compiled, key, state)
        return state

    def _keep(self, kept: OrderedDict[str, _Kept], key: str, value: _Kept) -> None:
        kept[key] = value
        if len(kept) > self._capacity:
            kept.popitem(last=False)

    def _key(self, tools: Sequence[Tool], *, or_text: bool) -> str:
        if len(tools) > self._limits.max_tools:
            raise UnsupportedSchema(f"over {self._limits.max_tools} tools", keyword="tools")
        check_size((tool.parameters for tool in tools), self._limits)
        try:
            asked = json.dumps([or_text, [[tool.name, dict(tool.parameters)] for tool in tools]])
        except (TypeError, ValueError) as error:  # not JSON, or a number of thousands of digits
            raise UnsupportedSchema(f"the schema is not JSON: {error}", keyword="") from error
        return sha256(asked.encode()).hexdigest()  # of the refused ones too, which are large

    def _compile(self, tools: Sequence[Tool], *, or_text: bool) -> LLMatcher:
        forcing = self._vocabulary.can_force
        grammar = call_grammar(
            tools, self._limits, or_text=or_text, forcing=forcing, style=self._style
        )
        state = LLMatcher(
            self._vocabulary.tokens, grammar, log_level=0, limits=LLParserLimits(**_FUEL)
        )
        probe = state.deep_copy()
        probe.compute_bitmask()
        if not probe.is_error():
            return state
        raise _told(probe.get_error())


def _chosen(tools: Sequence[Tool], choice: ToolChoice) -> Sequence[Tool]:
    if not isinstance(choice, NamedTool):
        return tools
    named = [tool for tool in tools if tool.name == choice.name]
    if not named:
        raise UnsupportedSchema(f'tool_choice names "{choice.name}", which is not offered')
    return named[:1]


def _again(error: UnsupportedSchema) -> UnsupportedSchema:
    """Return the same refusal, without the frames that the first one came through."""
    references = dict(error.references)
    return UnsupportedSchema(str(references.pop("reason", "")), **references)


def _told(error: str) -> UnsupportedSchema:
    """Say the grammar library's refusal in our words where we know what it means."""
    if "too big" in error or "too large" in error:
        return refusal("", "", "would take too long to compile")
    if "oneOf" in error:
        return refusal("", "oneOf", "has branches that may overlap: use anyOf")
    return refusal("", "", error.strip().partition("\n")[0][:300])
