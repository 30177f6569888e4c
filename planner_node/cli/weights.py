"""Whether the files of a checkpoint are whole, looked at without torch and without reading them."""

import json
from pathlib import Path
from typing import Final

_LENGTH_BYTES: Final = 8  # safetensors: the header's length, the header as JSON, the tensors
_MAX_HEADER_BYTES: Final = 100_000_000  # as the format has it


def trouble_with(folder: Path) -> str:
    """Return what is wrong with a folder's weights; empty where nothing is."""
    whole = sorted(folder.glob("*.safetensors"))
    if not whole and not any(folder.glob("*.bin")):
        return f"{folder} has no weights (*.safetensors)"
    return next((f"{file} is cut or damaged" for file in whole if not _is_whole(file)), "")


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            header = json.loads(opened.read(min(length, _MAX_HEADER_BYTES)))
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name[:2] != "__"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return file.stat().st_size == _LENGTH_BYTES + length + max(ends, default=0)
