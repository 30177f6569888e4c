"""The messages of the contract, for people and for code generators."""

import difflib
import json

from rich.console import Console
from rich.markup import escape

from messages.schemas import MESSAGES, json_schema


def show_schema(name: str | None) -> int:
    """Print one schema as JSON, or the list; return the exit code."""
    console = Console(highlight=False)
    if name is None:
        for known, model in MESSAGES.items():
            summary = (model.__doc__ or "").splitlines()[0]
            console.print(f"[bold]{known:16}[/] {summary}")
        return 0
    if name not in MESSAGES:
        near = difflib.get_close_matches(name, MESSAGES, n=1, cutoff=0.4)
        advice = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(MESSAGES)}."
        text = f"[bold red]✗[/] There is no message {escape(name)}. {advice}"
        Console(stderr=True, highlight=False).print(text, soft_wrap=True)
        return 1
    print(json.dumps(json_schema(name), ensure_ascii=False, indent=2))  # noqa: T201
    return 0
