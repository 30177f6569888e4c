"""Damaged payloads into the command decoder: a crash or an untyped error ends it with status 1.

Run: python -m benchmarks.fuzz_decoder --payloads 1000000
"""

import argparse
import json
import random
import sys
import time

from benchmarks.results import command_of, keep
from tests.messages.mutator import Mutator, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep the report in benchmarks/results")
    arguments = parser.parse_args()
    began_s = time.monotonic()
    outcomes, untyped = run(Mutator(random.Random(arguments.seed)), arguments.payloads)
    report: dict[str, object] = {
        "command": command_of("benchmarks.fuzz_decoder"),
        "seconds": round(time.monotonic() - began_s),
        "payloads": arguments.payloads,
        "outcomes": dict(outcomes.most_common()),
        "untyped": [(name, repr(payload[:500]), told) for name, payload, told in untyped[:20]],
    }
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if arguments.keep:
        keep("fuzz-decoder", report)
    sys.exit(bool(untyped))


if __name__ == "__main__":
    main()
