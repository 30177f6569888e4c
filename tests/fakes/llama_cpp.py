"""A real llama.cpp server with the embedded model, in a process of its own on loopback."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gguf_export import EMBEDDED, export

ROOT = Path(__file__).parents[2]


def embedded_gguf(folder: Path) -> Path:
    """Export the embedded model into the folder."""
    target = folder / "embedded.gguf"
    export(EMBEDDED, target)
    return target


@contextlib.contextmanager
def llama_cpp_server(model: Path, *options: str) -> Iterator[str]:
    """Yield the address of a server that has loaded the model."""
    command = [sys.executable, "-m", "benchmarks.llama_cpp_server", str(model), *options]
    log = model.with_suffix(".log")
    with (
        log.open("ab") as said,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        try:
            yield _address(process, log)
        finally:
            process.kill()  # it has no shutdown of its own


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:  # what it prints before is the library's
        if line.startswith(b"http://"):
            return line.decode().strip()
    raise RuntimeError(f"llama.cpp did not start: {log.read_text('utf-8')[-2_000:]}")
