"""Everything that takes longer than a test may, one after the other: ``make soak``.

Run: python -m benchmarks.long                        about two hours on two quiet cores
     python -m benchmarks.long --kills 20 --faults 11 --payloads 100000      a taste of it
"""

import argparse
import subprocess
import sys
import time


def commands(arguments: argparse.Namespace) -> list[str]:
    """Return the modules to run, with their arguments."""
    few = max(1, arguments.payloads // 10)
    return [
        f"benchmarks.fuzz_decoder --payloads {arguments.payloads}",
        f"benchmarks.fuzz_doors broker --packets {arguments.payloads}",
        f"benchmarks.fuzz_doors embedded --packets {few}",
        f"benchmarks.fuzz_doors http --examples {arguments.examples}",
        "benchmarks.hostile schemas",
        "benchmarks.hostile topics",
        "benchmarks.engine_soak",
        f"benchmarks.soak --kills {arguments.kills}",
        f"benchmarks.soak --kills {arguments.kills} --model embedded",
        f"benchmarks.soak_faults --faults {arguments.faults} --every-s {arguments.every_s}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=int, default=15)
    parser.add_argument("--every-s", type=float, default=120.0)
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--examples", type=int, default=200)
    failed = 0
    for command in commands(parser.parse_args()):
        print(f"→ {command}", flush=True)
        began_s = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *command.split()], check=False).returncode
        failed += code != 0
        print(f"{'!' if code else '←'} {command}: {time.monotonic() - began_s:.0f} s", flush=True)
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
