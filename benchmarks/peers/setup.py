"""Makes a peer's own environment from the pinned packages beside this file.

python -m benchmarks.peers.setup vllm          # into var/peers/vllm
python -m benchmarks.peers.setup all           # everybody
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.peers.roster import ENVIRONMENTS

PINS: Final = Path(__file__).parent
# They come with vLLM's wheel in builds for other devices, and break its import on a CPU.
UNWANTED: Final = {
    "vllm": ("torchvision", "torchaudio", "torchcodec"),
    "openvino": ("torchvision",),
}


def peers() -> list[str]:
    return sorted(file.stem for file in PINS.glob("*.txt"))


def pinned() -> dict[str, list[str]]:
    """Return the packages of every environment that is there."""
    return {name: _pins(name) for name in peers() if (ENVIRONMENTS / name).is_dir()}


def _pins(name: str) -> list[str]:
    lines = (PINS / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def make(name: str) -> None:
    """Make one environment; one that is complete is kept."""
    folder = ENVIRONMENTS / name
    done = folder / ".ready"
    if done.is_file() and done.read_text() == "\n".join(_pins(name)):
        return
    _install(name, folder)
    done.write_text("\n".join(_pins(name)))


def _install(name: str, folder: Path) -> None:
    _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin/python"), "-m", "pip")
    _run(*pip, "install", "--quiet", "-r", str(PINS / f"{name}.txt"))
    if name in UNWANTED:
        _run(*pip, "uninstall", "--yes", *UNWANTED[name])


def _run(*command: str) -> None:
    print("→", " ".join(command), flush=True)
    subprocess.run(command, check=True)


def main() -> None:
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("names", nargs="+", choices=[*peers(), "all"])
    names = asked.parse_args().names
    for name in peers() if "all" in names else names:
        make(name)


if __name__ == "__main__":
    main()
