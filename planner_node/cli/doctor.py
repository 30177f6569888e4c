"""Looks at everything the node needs, and says what to do about what is missing."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from planner_node.cli.doors import look_at_broker, look_at_http
from planner_node.cli.endpoints import look_at_endpoints
from planner_node.cli.finding import Finding, Verdict
from planner_node.cli.tools import look_at_tools
from planner_node.completion.loading import EMBEDDED, weights_of
from planner_node.engine.folders import check_adapter
from planner_node.errors import ModelNotLoaded, PlannerError, SettingsRefused
from planner_node.journal.file import path_of
from planner_node.settings import JournalSettings, Settings, load, secret
from planner_node.settings.addresses import without_query

_MIN_FREE_BYTES: Final = 1 << 30
_GIB: Final = 1 << 30


async def examine(config: Path | None) -> int:
    """Print every finding; return 1 where something must be mended, else 0."""
    console = Console(highlight=False)
    faults = 0
    async for finding in _findings(config):
        faults += finding.verdict is Verdict.FAULT
        console.print(
            f"{finding.verdict.value} [bold]{finding.name:9}[/] {escape(finding.text)}",
            soft_wrap=True,
        )
        if finding.advice:
            console.print(f"            → {escape(finding.advice)}", soft_wrap=True)
    console.print(
        "[green]All is well.[/] 一切正常。" if not faults else f"[red]{faults} to mend.[/]"
    )
    return int(faults > 0)


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
    yield _journal(settings.journal)
    if settings.engine.kind == "remote":
        async for finding in look_at_endpoints(settings):
            yield finding
        return
    for finding in await asyncio.to_thread(lambda: [*_model(settings), *_device()]):
        yield finding


def _journal(settings: JournalSettings) -> Finding:
    try:
        if settings.url.startswith("postgres"):
            secret(settings.password, settings.password_file)
            return Finding(
                Verdict.FINE, "journal", f"{without_query(settings.url)}, asked at the start"
            )
        path = path_of(settings.url)
    except PlannerError as error:
        advice = "Check PLANNER__JOURNAL__URL and journal.password_file."
        return Finding(Verdict.FAULT, "journal", str(error), advice)
    folder = next(parent for parent in path.parents if parent.exists())
    free_bytes = shutil.disk_usage(folder).free
    text = f"{path}, {free_bytes / _GIB:.1f} GiB free"
    if not os.access(folder, os.W_OK):
        advice = f"Make {folder} writable, or choose another place: PLANNER__JOURNAL__URL."
        return Finding(Verdict.FAULT, "journal", f"{folder} cannot be written", advice)
    if free_bytes < _MIN_FREE_BYTES:
        return Finding(Verdict.NOTE, "journal", text, "Free some disk: a full one stops intake.")
    return Finding(Verdict.FINE, "journal", text)


def _model(settings: Settings) -> Iterator[Finding]:
    name = settings.model.id
    folder = Path(weights_of(name))
    if (folder / "config.json").is_file():
        yield Finding(Verdict.FINE, "model", f"{name} in {folder}")
    elif name == EMBEDDED or folder.exists():
        advice = "Run `make train`, or check out the repository again."
        yield Finding(Verdict.FAULT, "model", f"{folder} holds no model", advice)
    else:
        yield _hub_model(name)
    if settings.model.adapter is not None:
        yield _adapter(settings.model.adapter, name)


def _adapter(folder: Path, model_id: str) -> Finding:
    try:
        check_adapter(folder, model_id)
    except ModelNotLoaded as error:
        return Finding(Verdict.FAULT, "adapter", str(error), "Check PLANNER__MODEL__ADAPTER.")
    return Finding(Verdict.FINE, "adapter", str(folder))


def _hub_model(name: str) -> Finding:
    from huggingface_hub import get_token, try_to_load_from_cache  # noqa: PLC0415  slow to import
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        text = f"{name} is no folder here, and no model of the hub is called so"
        return Finding(Verdict.FAULT, "model", text, "Check PLANNER__MODEL__ID.")
    if isinstance(cached, str):
        return Finding(Verdict.FINE, "model", f"{name}, in the hub's cache")
    advice = "" if get_token() else "If it is gated: accept its licence, then set HF_TOKEN."
    return Finding(Verdict.NOTE, "model", f"{name} will be downloaded at the first start", advice)


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
