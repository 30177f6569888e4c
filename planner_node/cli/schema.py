"""The messages of the contract, for people and for code generators."""

import difflib
import json

from rich.console import Console
from rich.markup import escape

from messages.schemas import MESSAGES, json_schema
from messages.wording import in_both


def show_schema(name: str | None) -> int:
    """Print one schema as JSON, or the list; return the exit code."""
    if name is None:
        _show_list()
        return 0
    if name not in MESSAGES:
        _refuse(name)
        return 1
    print(json.dumps(json_schema(name), ensure_ascii=False, indent=2))  # noqa: T201
    return 0


def _show_list() -> None:
    console = Console(highlight=False)
    for name, model in MESSAGES.items():
        summary, *more = in_both((model.__doc__ or "").splitlines()[0])
        console.print(f"[bold]{name:16}[/] {escape(summary)}")
        for line in more:
            console.print(f"{'':16} {escape(line)}")


def _refuse(name: str) -> None:
    console = Console(stderr=True, highlight=False)
    near = difflib.get_close_matches(name, MESSAGES, n=1, cutoff=0.4)
    advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(MESSAGES)}"
    first, *more = in_both(f"There is no message {name}; {advice}")
    console.print(f"[bold red]✗[/] {escape(first)}", soft_wrap=True)
    for line in more:
        console.print(f"  {escape(line)}", soft_wrap=True)
