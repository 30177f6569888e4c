"""Reads what a server writes against the grammar that it was asked to keep to."""

import logging
from collections.abc import Sequence
from typing import Final

from planner_node.completion.request import CompletionRequest, Tool, ToolUse
from planner_node.errors import PlanInvalid
from planner_node.grammar.document import ANY_STYLE
from planner_node.grammar.library import GrammarLibrary
from planner_node.grammar.matcher import Matcher
from planner_node.grammar.script import keeps_traditional, simplified_only
from planner_node.grammar.vocabulary import Vocabulary

log = logging.getLogger(__name__)
_SHOWN_CHARS: Final = 40
# Between two values a model may put blanks until its limit, where the server's grammar lets it.
_BLANK_CHARS: Final = 64


def reading_grammars() -> GrammarLibrary:
    """Return grammars that read bytes, in whatever style a server writes JSON."""
    return GrammarLibrary(Vocabulary.of_bytes(), style=ANY_STYLE)


class AnswerCheck:
    """One answer, checked piece by piece; nothing is handed on that does not fit."""

    def __init__(
        self,
        writer: str,
        grammars: GrammarLibrary,
        request: CompletionRequest,
        tools: Sequence[Tool],
    ) -> None:
        """Begin to read what ``writer`` writes; raise UnsupportedSchema as ``GrammarLibrary``."""
        self._writer = writer
        state = grammars.matcher(tools, request.tool_choice)
        self._state = state if isinstance(state, Matcher) else None
        self._must_call = bool(tools) and request.tool_choice is not ToolUse.AUTO
        self._forbidden = _forbidden(request.language, tools)
        self._told = ""
        self._goes_on = False

    @property
    def done(self) -> bool:
        """Whether a call is complete."""
        return self._state is not None and self._state.done

    def feed(self, text: str) -> str:
        """Return what of the text may be handed on: what follows a whole call is let go.

        Raises:
            PlanInvalid: the server does not keep to the schema or to the language.
        """
        fits = 0 if self.done else self._fitting(text)
        fitting, rest = text[:fits], text[fits:]
        self._refuse_simplified(fitting)
        self._told += fitting
        if self.done:
            self._let_go(rest)
        elif rest:
            raise self._broken(
                f"does not keep to the schema: {_head(rest)} after {_tail(self._told)}; "
                "see structured_output in docs/remote.md"
            )
        elif self._state is not None and self._is_blank:
            raise self._broken(
                f"writes nothing but blanks after {_tail(self._told.rstrip())}: see docs/remote.md"
            )
        return fitting

    def finish(self) -> None:
        """Raise PlanInvalid where the server ended its answer before the call was complete."""
        begun = self._must_call or self._told.startswith("{")
        if self._state is not None and begun and not self.done:
            raise self._broken(f"ended inside the call, after {_tail(self._told)}")

    @property
    def _is_blank(self) -> bool:
        last = self._told[-_BLANK_CHARS:]
        return len(last) == _BLANK_CHARS and last.isspace()

    def _let_go(self, rest: str) -> None:
        """Say once that the server goes on; the call is whole without it."""
        if rest.strip() and not self._goes_on:
            self._goes_on = True
            log.warning("! endpoint %s goes on after the call: not read", self._writer)

    def _broken(self, how: str) -> PlanInvalid:
        return PlanInvalid(f"{self._writer} {how}", endpoint=self._writer)

    def _fitting(self, text: str) -> int:
        """Return how many characters of the text the grammar takes."""
        if self._state is None:
            return len(text)
        taken = self._state.accept_run(list(text.encode()))
        return len(text.encode()[:taken].decode(errors="ignore"))

    def _refuse_simplified(self, text: str) -> None:
        drifted = self._forbidden.intersection(text)
        if drifted:
            characters = "".join(sorted(drifted))
            raise self._broken(f"slid into Simplified Chinese with {characters}")


def _forbidden(language: str | None, tools: Sequence[Tool]) -> frozenset[str]:
    """Return the characters that may not be written, but for those that a schema dictates."""
    if not keeps_traditional(language):
        return frozenset()
    return simplified_only().difference(*(str(dict(tool.parameters)) for tool in tools))


def _head(text: str) -> str:
    return repr(text[:_SHOWN_CHARS])


def _tail(text: str) -> str:
    return repr(text[-_SHOWN_CHARS:])
