"""Who takes part, with which precision, at how many clients, and in which environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENTS: Final = Path("var/peers")
OWN: Final = ""  # the environment of the node itself
EACH: Final = (1, 8, 32)  # who is compared at these
SEED: Final = (1, 16)  # the seed's way, one request at a time
CROWD: Final = (16,)
OURS: Final = tuple(sorted({*EACH, *SEED, *CROWD}))


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant at one precision.

    ``waves`` is how many times the number of clients is asked in one round: slow ones, and all on
    the larger model, are asked once, so that a round ends.
    """

    name: str
    title: str
    module: str
    environment: str
    precision: str
    clients: tuple[int, ...] = EACH
    waves: int = 2

    @property
    def key(self) -> str:
        return f"{self.name}/{self.precision}"

    @property
    def is_ours(self) -> bool:
        return self.name == "ours"

    @property
    def is_reference(self) -> bool:
        """Whether its texts are the ones to agree with."""
        return self.name == "transformers"

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        folder = ENVIRONMENTS / self.environment if self.environment else Path(".venv")
        return folder / "bin/python"


def _ours(precision: str) -> Entry:
    return Entry("ours", "planner node", "ours", OWN, precision, OURS)


def _generate(precision: str) -> Entry:
    return Entry(
        "transformers", "transformers generate", "transformers_generate", OWN, precision, SEED, 1
    )


def _batching(precision: str) -> Entry:
    return Entry(
        "transformers-cb",
        "transformers batching (no grammar)",
        "transformers_batching",
        OWN,
        precision,
        CROWD,
        1,
    )


def _vllm(precision: str) -> Entry:
    return Entry("vllm", "vLLM CPU", "vllm", "vllm", precision)


def _llama_cpp(precision: str) -> Entry:
    return Entry("llama.cpp", "llama.cpp server", "llama_cpp", "llama_cpp", precision)


def _openvino(precision: str) -> Entry:
    return Entry("openvino", "OpenVINO GenAI", "openvino", "openvino", precision)


def _onnxruntime(precision: str) -> Entry:
    return Entry("onnxruntime", "ONNX Runtime GenAI", "onnxruntime", "onnxruntime", precision)


ROSTER: Final = {
    "A": (
        _ours("fp32"),
        _generate("fp32"),
        _batching("fp32"),
        _vllm("fp32"),
        _llama_cpp("fp32"),
        _openvino("fp32"),
        _onnxruntime("fp32"),
    ),
    "B": (
        _ours("bf16"),
        _ours("int8"),
        _generate("bf16"),
        _batching("bf16"),
        _vllm("bf16"),
        _llama_cpp("bf16"),
        _llama_cpp("int8"),
        _openvino("bf16"),
        _openvino("int8"),
        _onnxruntime("int8"),
    ),
}


MOST_WAVES: Final = {"A": 2, "B": 1}


def chosen(model: str, names: list[str]) -> list[Entry]:
    """Return the entries of a model; ``names`` empty = those that need no other environment."""
    if names == ["all"]:
        return list(ROSTER[model])
    if names:
        return [e for e in ROSTER[model] if e.is_ours or e.name in names or e.key in names]
    return [entry for entry in ROSTER[model] if entry.environment == OWN]
