"""llama.cpp's own server: parallel slots, continuous batching, prompt cache.

It is spoken to over HTTP on loopback, because that is the only door to its batching; what its
client costs is a few per cent of one core.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.peers.looping import Looping
from benchmarks.peers.protocol import Job, News, Options, Workload, serve, weights_name

OWN_PYTHON: Final = Path(".venv/bin/python")  # has torch and gguf, which convert checkpoints
TYPES: Final = {"fp32": "f32", "bf16": "bf16", "int8": "q8_0"}
SLOT_TOKENS: Final = 1_024
DATA: Final = b"data: "


def export(model: str, kind: str, target: Path) -> Path:
    """Convert a checkpoint to GGUF; keep what is there."""
    if not target.is_file():
        command = [str(OWN_PYTHON), "-m", "benchmarks.gguf_export", "--model", model]
        subprocess.run([*command, "--type", kind, str(target)], check=True)
    return target


def start(options: Options, weights: Path) -> tuple[str, int]:
    """Start the server and wait until it has loaded; return its host and port."""
    command = [sys.executable, "-m", "benchmarks.llama_cpp_server", str(weights)]
    command += ["--slots", str(options.rows), "--context-tokens", str(SLOT_TOKENS)]
    command += ["--threads", str(options.threads)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = urlsplit(server.stdout.readline().strip()) if server.stdout else None
    if address is None or address.hostname is None or address.port is None:
        raise ConnectionError(f"llama.cpp's server has not loaded {weights}")
    return address.hostname, address.port


class LlamaCpp(Looping):
    """One streamed completion for each job; the loop runs while news are waited for."""

    def __init__(self, workload: Workload, options: Options) -> None:
        kind = TYPES[options.precision]
        target = options.folder / f"{weights_name(workload.model)}-{kind}.gguf"
        self._address = start(options, export(workload.model, kind, target))
        self._settings = {
            "n_predict": workload.max_new_tokens,
            "grammar": workload.gbnf,
            "samplers": ["top_k"],  # greedy without sorting the vocabulary
            "top_k": 1,
            "temperature": 0,
            "cache_prompt": True,
            "stream": True,
        }
        super().__init__()

    async def _follow(self, job: Job) -> None:
        body = json.dumps({**self._settings, "prompt": job.token_ids}).encode()
        head = "POST /completion HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(head.encode() + body)
        finished = False
        while not finished:
            line = await reader.readline()
            if not line:
                raise ConnectionError("the server closed a stream before its end")
            if line.startswith(DATA):
                piece = json.loads(line[len(DATA) :])
                finished = piece["stop"]
                tokens = piece.get("tokens_predicted") if finished else None
                seen_s = time.perf_counter()
                self._news.put_nowait(
                    News(job.number, piece["content"], seen_s, finished, tokens, tokens)
                )
        writer.close()


if __name__ == "__main__":
    serve(LlamaCpp)
