"""For which processor kernels are compiled, and where they are kept from one start to the next."""

import hashlib
import os
import platform
import tempfile
from pathlib import Path
from typing import Final

import llvmlite
import torch
from llvmlite.binding import get_host_cpu_features
from numba import config

_X86: Final = frozenset({"x86_64", "AMD64"})


def prepare() -> bool:
    """Set up numba before anything is compiled, and tell whether machine code can be kept."""
    if platform.machine() in _X86 and not config.CPU_FEATURES:
        # LLVM leaves half of AVX-512's width aside, for the sake of programs that use little of it.
        config.CPU_FEATURES = f"{get_host_cpu_features().flatten()},-prefer-256-bit"
    if not config.CACHE_DIR:
        config.CACHE_DIR = str(_folder())
    return _is_writable(Path(config.CACHE_DIR))


def has_tiles() -> bool:
    """Whether this process may use tile registers that multiply bfloat16 (AMX)."""
    if not get_host_cpu_features().get("amx-bf16"):
        return False
    return torch.cpu._is_amx_tile_supported() and torch.cpu._init_amx()  # noqa: SLF001  asks Linux


def is_kept() -> bool:
    """Whether an earlier start left machine code behind."""
    return any(Path(config.CACHE_DIR).rglob("*.nbc"))


def _folder() -> Path:
    """Return a folder of these kernels: numba looks at the one file of the outermost function."""
    sources = sorted(Path(__file__).parent.glob("*_kernel.py"))
    text = b"".join(source.read_bytes() for source in sources)
    digest = hashlib.sha256(text + llvmlite.__version__.encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "planner-node" / f"kernels-{digest}"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
