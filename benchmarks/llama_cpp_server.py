"""llama.cpp's own HTTP server in a process of its own, on loopback.

    python -m benchmarks.gguf_export build/embedded.gguf
    python -m benchmarks.llama_cpp_server build/embedded.gguf --port 8080

Prints its address once the model is loaded, and serves until it is ended by a signal. It is the
server of the ``xllamacpp`` wheel, which brings llama.cpp without a compiler.
"""

import argparse
import signal
from pathlib import Path

import xllamacpp


def start(asked: argparse.Namespace) -> xllamacpp.Server:
    """Load the model and serve; the server lives as long as the object that is returned."""
    params = xllamacpp.CommonParams()
    params.model.path = str(asked.model)
    params.model_alias = {asked.alias or asked.model.stem}
    params.port = asked.port
    params.n_parallel = asked.slots
    params.n_ctx = asked.slots * asked.context_tokens
    params.cpuparams.n_threads = asked.threads
    params.cpuparams_batch.n_threads = asked.threads
    params.endpoint_slots = True  # GET /slots tells which requests run
    return xllamacpp.Server(params)


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--alias", help="the model's name in requests; default: the file's")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context-tokens", type=int, default=2048, help="of each slot")
    parser.add_argument("--threads", type=int, default=1)
    server = start(parser.parse_args())
    print(server.listening_address, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
