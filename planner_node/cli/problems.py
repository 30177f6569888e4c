"""A problem in the words of the reader, both languages."""

from collections.abc import Iterator

from rich.markup import escape

from messages.problem import Problem


def problem_lines(problem: Problem) -> Iterator[str]:
    """Yield the code with its descriptions, what to do, and the facts of the case."""
    yield f"[bold red]{problem.code}[/] {problem.description} {problem.hint or ''}"
    for translation in problem.translations:
        yield f"  {translation.description} {translation.hint or ''}"
    for reference in problem.references:
        yield f"  [dim]{escape(reference.key)}: {escape(reference.value)}[/]"
