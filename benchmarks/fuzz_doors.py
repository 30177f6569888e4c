"""Noise at the doors of a whole node; a 5xx, an undocumented answer or a deaf node ends it with 1.

Run: python -m benchmarks.fuzz_doors broker --packets 1000000    fuzzed MQTT packets at mosquitto
     python -m benchmarks.fuzz_doors embedded --packets 100000   the same at the embedded broker
     python -m benchmarks.fuzz_doors http --examples 200         schemathesis, stateful too
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.results import command_of, keep
from tests.faults.either_broker import node_at
from tests.faults.fuzzed_http import fuzz
from tests.faults.raw_bytes import RAW, conversations, say

AT_ONCE: Final = 8
READY_S: Final = 120.0  # on a machine that others use too
PHASES: Final = "examples,coverage,fuzzing,stateful"


async def noise(door: str, folder: Path, packets: int) -> dict[str, object]:
    """Say all that nobody should, on many connections at once."""
    async with node_at(door, folder, READY_S) as (node, port):
        before_bytes, words, connections = node.rss_bytes, [*RAW.values()], 0
        words += conversations(random.Random(0), packets)
        for place in range(0, len(words), AT_ONCE):
            await asyncio.gather(*(say(port, one, 0.02) for one in words[place : place + AT_ONCE]))
            connections += AT_ONCE
        grown_mib = round((node.rss_bytes - before_bytes) / 2**20, 1)
        return {"packets": packets, "connections": connections, "node_grown_mib": grown_mib}


async def http(folder: Path, examples: int) -> dict[str, object]:
    async with node_at("mosquitto", folder, READY_S) as (node, _):
        code, found = await fuzz(node.http, examples, PHASES, seed=0)
        summary = found[found.rfind("== SUMMARY") :]
        return {"examples": examples, "code": code, "summary": summary.splitlines()[1:-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("door", choices=["broker", "embedded", "http"])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="keep the report in benchmarks/results")
    arguments = parser.parse_args()
    folder, began_s = Path(tempfile.mkdtemp(prefix="planner-fuzz-")), time.monotonic()
    if arguments.door == "http":
        found = asyncio.run(http(folder, arguments.examples))
    else:
        found = asyncio.run(noise(arguments.door, folder, arguments.packets))
    command = command_of("benchmarks.fuzz_doors")
    report = {"command": command, "seconds": round(time.monotonic() - began_s), **found}
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if arguments.keep:
        keep(f"fuzz-{arguments.door}", report)
    sys.exit(int(bool(found.get("code"))))


if __name__ == "__main__":
    main()
