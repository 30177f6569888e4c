"""Looks at everything the node needs, and says what to do about what is missing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from messages.wording import in_both
from planner_node.cli.doors import look_at_broker, look_at_http
from planner_node.cli.endpoints import look_at_endpoints
from planner_node.cli.finding import Finding, Verdict
from planner_node.cli.journal import look_at_journal
from planner_node.cli.model import look_at_model
from planner_node.cli.tools import look_at_tools
from planner_node.errors import SettingsRefused
from planner_node.settings import load

_GIB: Final = 1 << 30
_INDENT: Final = " " * 12


async def examine(config: Path | None) -> int:
    """Print every finding; return 1 where something must be mended, else 0."""
    console = Console(highlight=False)
    faults = 0
    async for finding in _findings(config):
        faults += finding.verdict is Verdict.FAULT
        for line in _lines(finding):
            console.print(line, soft_wrap=True)
    to_mend = f"[red]{faults} to mend.[/] 有 {faults} 項需要修正。"
    console.print(to_mend if faults else "[green]All is well.[/] 一切正常。")
    return int(faults > 0)


def _lines(finding: Finding) -> Iterator[str]:
    first, *more = in_both(finding.text)
    yield f"{finding.verdict.value} [bold]{finding.name:9}[/] {escape(first)}"
    yield from (f"{_INDENT}{escape(line)}" for line in more)
    yield from (f"{_INDENT}→ {escape(line)}" for line in in_both(finding.advice))


async def _findings(config: Path | None) -> AsyncIterator[Finding]:
    try:
        settings = load(config)
    except SettingsRefused as error:
        yield Finding(Verdict.FAULT, "settings", str(error), "See config/planner.yaml.")
        return
    yield Finding(Verdict.FINE, "settings", f"node_id {settings.node_id}")
    yield await look_at_broker(settings)
    for finding in await asyncio.to_thread(lambda: [*look_at_http(settings.http)]):
        yield finding
    for finding in await asyncio.to_thread(lambda: [*look_at_tools(settings)]):
        yield finding
    yield await look_at_journal(settings.journal)
    if settings.engine.kind == "remote":
        async for finding in look_at_endpoints(settings):
            yield finding
        return
    for finding in await asyncio.to_thread(lambda: [*look_at_model(settings.model), *_device()]):
        yield finding


def _device() -> Iterator[Finding]:
    import torch  # noqa: PLC0415  seconds to import

    if not torch.cuda.is_available():
        text = f"none; torch {torch.__version__} on {torch.get_num_threads()} CPU threads"
        yield Finding(Verdict.FINE, "GPU", text)
        return
    for index in range(torch.cuda.device_count()):
        free_bytes, total_bytes = torch.cuda.mem_get_info(index)
        text = (
            f"{torch.cuda.get_device_name(index)}: "
            f"{free_bytes / _GIB:.1f} of {total_bytes / _GIB:.1f} GiB free"
        )
        is_busy = free_bytes < total_bytes / 2
        advice = "nvidia-smi shows who holds the rest; end it, or use quantization nf4."
        yield Finding(
            Verdict.NOTE if is_busy else Verdict.FINE, "GPU", text, advice if is_busy else ""
        )
