"""Runs schemathesis, which asks the HTTP door, by its own OpenAPI document, for what it forbids."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")


async def fuzz(address: str, examples: int, phases: str, seed: int) -> tuple[int, str]:
    """Return the exit code (0: no 5xx, no undocumented answer) and what was found."""
    with tempfile.TemporaryDirectory() as folder:  # it keeps what it saw in its working folder
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
            *("run", f"{address}/openapi.json", "--no-color", "--phases", phases),
            *("--max-examples", str(examples), "--seed", str(seed)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
        )
        said, _ = await process.communicate()
        return await process.wait(), said.decode(errors="replace")
