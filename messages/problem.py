"""What went wrong, for machines and for people in two languages."""

from collections.abc import Mapping

from messages.codes import ProblemCode, ProblemLevel
from messages.problem_texts import CATALOG
from messages.wire import SCHEMA_VERSION, Id, Outgoing, Timestamp

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


class Translation(Outgoing):
    """The same words in another language."""

    language: str
    description: str
    hint: str | None = None


class Reference(Outgoing):
    """One fact about the case: a field, a limit, a state."""

    key: str
    value: str


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


def problem(code: ProblemCode, references: Mapping[str, object] | None = None) -> Problem:
    """Build the problem of a code; ``references`` are the facts of this case."""
    entry = CATALOG[code]
    (description, hint), (zh_description, zh_hint) = entry.en, entry.zh_tw
    return Problem(
        code=code,
        level=entry.level,
        retriable=entry.retriable,
        description=description,
        hint=hint,
        translations=[Translation(language="zh-TW", description=zh_description, hint=zh_hint)],
        references=[
            Reference(key=key[:MAX_REFERENCE_CHARS], value=str(value)[:MAX_REFERENCE_CHARS])
            for key, value in (references or {}).items()
        ],
    )
