"""A problem in the words of the reader, both languages."""

from collections.abc import Iterator

from rich.markup import escape

from messages.problem import Problem, Reference, Translation


def problem_lines(problem: Problem) -> Iterator[str]:
    """Yield the code with its descriptions, what to do, and the facts of the case."""
    yield f"[bold red]{problem.code}[/] {_words(problem)}"
    for translation in problem.translations:
        yield f"  {_words(translation)}"
    for reference in (*problem.references, *_facts_in_words(problem)):
        yield f"  [dim]{escape(reference.key)}: {escape(reference.value)}[/]"


def _facts_in_words(problem: Problem) -> Iterator[Reference]:
    for translation in problem.translations:
        yield from translation.references


def _words(told: Problem | Translation) -> str:
    return escape(f"{told.description} {told.hint or ''}")
