"""Weights from the hub or a folder into memory: any causal language model of transformers."""

import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from planner_node.engine.folders import check_adapter, check_model
from planner_node.engine.refusal import explain

log = logging.getLogger(__name__)

Quantization = Literal["auto", "none", "int8", "nf4"]
Dtype = Literal["auto", "float16", "bfloat16", "float32"]

# Below this a model fits any GPU as it is, and int8 would only make it slower.
SMALL_MODEL_BYTES: Final = 2 * 1024**3
# Products of so few weights gain little by a second thread, and nothing on a busy machine: one,
# until ``threads`` has found out.
ONE_THREAD_BYTES: Final = 64 * 1024**2
# From this score on, an activation counts as an outlier and its column is computed in 16 bit;
# the value of the LLM.int8() paper and of bitsandbytes.
INT8_OUTLIER_THRESHOLD: Final = 6.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model, and how it is held.

    ``id`` is a hub id or a local folder. ``dtype`` "auto" is the checkpoint's own, on a CPU
    bfloat16 in place of float16; ``quantization`` "auto" is int8 on CUDA, but none for a folder of
    up to SMALL_MODEL_BYTES, and none on a CPU. ``device_map`` and ``max_memory``
    (device → "20GiB") go to accelerate. ``threads`` 0 is one for a small model to begin with, else
    torch decides.
    """

    id: str
    dtype: Dtype = "auto"
    quantization: Quantization = "auto"
    device_map: str = "auto"
    max_memory: dict[str, str] = field(default_factory=dict)
    adapter: Path | None = None
    revision: str | None = None
    threads: int = 0

    @property
    def folder(self) -> Path | None:
        """The local folder that ``id`` means; None for a hub id (``name`` or ``owner/name``)."""
        path = Path(self.id).expanduser()
        is_path = self.id.startswith((".", "/", "~")) or len(path.parts) > 2  # noqa: PLR2004
        return path if is_path or path.is_dir() else None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory with its tokenizer, and what there is to know about them."""

    id: str
    model: Any
    tokenizer: Any
    vocabulary_tokens: int  # rows of the output layer: masks must be this wide
    eos_token_ids: frozenset[int]
    context_tokens: int
    dtype: str
    quantization: str
    device: str
    memory_bytes: int


def load(spec: ModelSpec) -> LoadedModel:
    """Load what the spec names; takes seconds to minutes, a progress bar goes to stderr.

    Raises ``ModelNotLoaded``, whose text says what to do, when the weights are missing, gated,
    unreachable, broken, of an unknown kind or too big.
    """
    _check_folders(spec)
    try:
        loaded = _load(spec)
    except Exception as exc:
        raise explain(spec.id, exc) from exc
    if threads := spec.threads or (1 if loaded.memory_bytes < ONE_THREAD_BYTES else 0):
        torch.set_num_threads(threads)
    return loaded


def load_tokenizer(spec: ModelSpec) -> Any:  # noqa: ANN401  transformers is untyped here
    """Load the tokenizer alone, as ``load`` does; for a model that runs elsewhere."""
    _check_folders(spec)
    origin = {"revision": spec.revision, "local_files_only": spec.folder is not None}
    try:
        return AutoTokenizer.from_pretrained(str(spec.folder or spec.id), **origin)
    except Exception as exc:
        raise explain(spec.id, exc) from exc


def _check_folders(spec: ModelSpec) -> None:
    if spec.folder is not None:
        check_model(spec.folder, spec.id)
    if spec.adapter is not None:
        check_adapter(spec.adapter, spec.id)


def _load(spec: ModelSpec) -> LoadedModel:
    source = str(spec.folder or spec.id)
    origin = {"revision": spec.revision, "local_files_only": spec.folder is not None}
    config = AutoConfig.from_pretrained(source, **origin)
    tokenizer = AutoTokenizer.from_pretrained(source, **origin)
    quantization = _quantization(spec)
    with warnings.catch_warnings():
        # bitsandbytes compiles two loss functions on import in a way that torch 2.13 deprecates
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=_dtype(spec, config),
            **_quantizer(quantization),
            **_placement(spec, quantized=quantization != "none"),
            **origin,
        )
    if spec.adapter is not None:
        model = _with_adapter(model, spec.adapter, mergeable=quantization == "none")
    model.eval()
    model.requires_grad_(requires_grad=False)
    return _describe(spec.id, model, tokenizer, quantization)


def _dtype(spec: ModelSpec, config: Any) -> torch.dtype:  # noqa: ANN401  transformers is untyped here
    """Return what to compute in; float16 has no fast kernels on a CPU, bfloat16 has."""
    if spec.dtype != "auto":
        named: torch.dtype = getattr(torch, spec.dtype)
        return named
    own: torch.dtype = getattr(config, "dtype", None) or torch.float32
    on_cpu = spec.device_map == "cpu" or not torch.cuda.is_available()
    return torch.bfloat16 if on_cpu and own is torch.float16 else own


def _quantization(spec: ModelSpec) -> str:
    if spec.quantization != "auto":
        return spec.quantization
    if not torch.cuda.is_available() or spec.device_map == "cpu":
        return "none"
    if spec.folder is None:
        return "int8"
    size = sum(file.stat().st_size for file in spec.folder.glob("*.safetensors"))
    return "int8" if size > SMALL_MODEL_BYTES else "none"


def _quantizer(quantization: str) -> dict[str, object]:
    if quantization == "none":
        return {}
    from transformers import BitsAndBytesConfig  # noqa: PLC0415  slow to import, rarely needed

    if quantization == "int8":
        # it announces every cast to float16, once per layer and call
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
        chosen = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=INT8_OUTLIER_THRESHOLD)
    else:
        chosen = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return {"quantization_config": chosen}


def _placement(spec: ModelSpec, *, quantized: bool) -> dict[str, object]:
    """Return where the layers go; without a GPU there is nothing to spread over."""
    if spec.device_map == "auto" and not torch.cuda.is_available():
        return {"device_map": {"": "cpu"}} if quantized else {}
    max_memory = {_device(name): size for name, size in spec.max_memory.items()}
    return {"device_map": spec.device_map, "max_memory": max_memory or None}


def _device(name: str) -> int | str:
    return int(name) if name.isdigit() else name


def _with_adapter(model: Any, folder: Path, *, mergeable: bool) -> Any:  # noqa: ANN401  untyped
    """Put a PEFT adapter on; into the weights where they are not quantized, so it costs nothing."""
    from peft import PeftModel  # noqa: PLC0415  slow to import, rarely needed

    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 by a name that the latter has renamed
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        adapted = PeftModel.from_pretrained(model, str(folder))
    return adapted.merge_and_unload() if mergeable else adapted.get_base_model()


def _describe(model_id: str, model: Any, tokenizer: Any, quantization: str) -> LoadedModel:  # noqa: ANN401  untyped
    config = model.config.get_text_config()
    return LoadedModel(
        id=model_id,
        model=model,
        tokenizer=tokenizer,
        vocabulary_tokens=model.get_output_embeddings().weight.shape[0],
        eos_token_ids=_eos_token_ids(model, tokenizer),
        context_tokens=_context_tokens(config),
        dtype=str(model.dtype).removeprefix("torch."),
        quantization=quantization,
        device=str(model.device),
        memory_bytes=model.get_memory_footprint(),
    )


def _eos_token_ids(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401  untyped
    """Return every id that ends a turn: Llama 3.1 has three of them, and no one place names all."""
    ids: set[int] = set()
    for source in (model.config, model.generation_config, tokenizer):
        named = getattr(source, "eos_token_id", None)
        ids |= {named} if isinstance(named, int) else set(named or ())
    return frozenset(ids)


def _context_tokens(config: Any) -> int:  # noqa: ANN401  transformers is untyped here
    """Return how far the model sees; up to a sliding window, windowed layers are plain ones."""
    limits = [getattr(config, "max_position_embeddings", None)]
    if getattr(config, "use_sliding_window", True):
        limits.append(getattr(config, "sliding_window", None))
    known = [limit for limit in limits if limit]
    return min(known) if known else 2048
