"""Everything that takes longer than a test may, one after the other: ``make soak``.

Run: python -m benchmarks.long                        about two hours on two quiet cores
     python -m benchmarks.long --kills 20 --faults 11 --payloads 100000      a taste of it
     python -m benchmarks.long --only long-faults                            one of them

``--only`` takes a part of a command's line. ``--steady-s 1800`` adds half an hour of 1,000 robots.
Every command ends with 1 where what it asks does not hold: an invariant, a crash, a bar of
``hostile``, or a load that misses its bar by far. The other loads want a quiet machine and are not
run here.
"""

import argparse
import subprocess
import sys
import time
from typing import Final

# F6 for five minutes and F19 for twenty seconds, as the list of faults has them.
LONG_FAULTS: Final = (
    "tests/faults/test_the_line.py::test_a_broker_that_accepts_and_says_nothing_is_tried_again",
    "tests/faults/test_the_house.py::test_a_loop_that_stands_still_keeps_the_line_up",
)


def commands(arguments: argparse.Namespace) -> list[str]:
    """Return the modules to run, with their arguments."""
    few = max(1, arguments.payloads // 10)
    steady = f"benchmarks.load steady --robots 1000 --seconds {arguments.steady_s}"
    all_of_them = [
        f"pytest -q --long-faults --timeout 600 {' '.join(LONG_FAULTS)}",
        f"benchmarks.fuzz_decoder --payloads {arguments.payloads}",
        f"benchmarks.fuzz_doors broker --packets {arguments.payloads}",
        f"benchmarks.fuzz_doors embedded --packets {few}",
        f"benchmarks.fuzz_doors http --examples {arguments.examples}",
        "benchmarks.hostile schemas",
        "benchmarks.hostile topics",
        "benchmarks.hostile filters",
        "benchmarks.load fairness",
        "benchmarks.engine_soak",
        f"benchmarks.soak --kills {arguments.kills}",
        f"benchmarks.soak --kills {arguments.kills} --model embedded",
        f"benchmarks.soak_faults --faults {arguments.faults} --every-s {arguments.every_s}",
        *([steady] if arguments.steady_s else []),
    ]
    return [command for command in all_of_them if arguments.only in command]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=int, default=15)
    parser.add_argument("--every-s", type=float, default=120.0)
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--steady-s", type=int, default=0)
    parser.add_argument("--only", default="")
    failed, wanted = 0, commands(parser.parse_args())
    if not wanted:
        parser.error("--only names no command")
    for command in wanted:
        print(f"→ {command}", flush=True)
        began_s = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *command.split()], check=False).returncode
        failed += code != 0
        print(f"{'!' if code else '←'} {command}: {time.monotonic() - began_s:.0f} s", flush=True)
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
