"""A problem in the words of the reader, both languages."""

from collections.abc import Iterator

from rich.markup import escape

from messages.problem import Problem, Translation


def problem_lines(problem: Problem) -> Iterator[str]:
    """Yield the code with its descriptions, what to do, and the facts of the case."""
    yield f"[bold red]{problem.code}[/] {_words(problem)}"
    for translation in problem.translations:
        yield f"  {_words(translation)}"
    for reference in problem.references:
        yield f"  [dim]{escape(reference.key)}: {escape(reference.value)}[/]"


def _words(told: Problem | Translation) -> str:
    return escape(f"{told.description} {told.hint or ''}")
