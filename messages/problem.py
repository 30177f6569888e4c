"""What went wrong, for machines and for people in two languages."""

import operator
from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from messages.codes import ProblemCode, ProblemLevel
from messages.problem_texts import CATALOG
from messages.wire import SCHEMA_VERSION, Id, Outgoing, Timestamp
from messages.wording import in_chinese

__all__ = [
    "CATALOG",
    "ErrorReport",
    "Problem",
    "ProblemCode",
    "ProblemLevel",
    "Reference",
    "Translation",
    "problem",
]

MAX_REFERENCE_CHARS = 500


class Reference(Outgoing):
    """One fact about the case: a field, a limit, a state."""

    key: str
    value: str


class Translation(Outgoing):
    """The same words in another language."""

    language: str
    description: str
    hint: str | None = None
    references: list[Reference] = Field(
        default=[],
        description="Those of the problem's references that are words, in this language.",
        exclude_if=operator.not_,
    )


class Problem(Outgoing):
    """A typed answer that says what is wrong and what to do."""

    code: ProblemCode
    level: ProblemLevel
    retriable: bool
    description: str
    hint: str | None = None
    translations: list[Translation] = []
    references: list[Reference] = []


class ErrorReport(Problem):
    """A problem on a topic of its own: who says so, and when."""

    schema_version: str = SCHEMA_VERSION
    message_id: Id
    timestamp: Timestamp
    node_id: Id


def problem(
    code: ProblemCode,
    references: Mapping[str, object] | None = None,
    hints: tuple[str, str] | None = None,
) -> Problem:
    """Build the problem of a code.

    ``references`` are the facts of this case; ``hints``, in English and in Chinese, say what to do
    where it is not what the code says.
    """
    entry = CATALOG[code]
    (description, hint), (zh_description, zh_hint) = entry.en, entry.zh_tw
    if hints is not None:
        hint, zh_hint = hints
    facts = [
        Reference(key=key[:MAX_REFERENCE_CHARS], value=str(value)[:MAX_REFERENCE_CHARS])
        for key, value in (references or {}).items()
    ]
    chinese = Translation(
        language="zh-TW",
        description=zh_description,
        hint=zh_hint,
        references=[*_translated(facts)],
    )
    return Problem(
        code=code,
        level=entry.level,
        retriable=entry.retriable,
        description=description,
        hint=hint,
        translations=[chinese],
        references=facts,
    )


def _translated(facts: Iterable[Reference]) -> Iterator[Reference]:
    """Yield in Chinese what is said in words: a reason, or what is wrong with a field."""
    for fact in facts:
        is_said = fact.key == "reason" or fact.key.startswith("/")
        if is_said and (chinese := in_chinese(fact.value)):
            yield Reference(key=fact.key, value=chinese)
