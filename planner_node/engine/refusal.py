"""Why a model did not load, in words that say what to do."""

from collections.abc import Iterator
from typing import Final

import httpx2
import torch
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from planner_node.errors import ModelNotLoaded

Kinds = tuple[type[BaseException], ...]

# The first row that fits an exception, or one that it came from, explains it.
REASONS: Final[tuple[tuple[str, Kinds, tuple[str, ...], str], ...]] = (
    (
        "OUT_OF_MEMORY",
        (torch.OutOfMemoryError, MemoryError),
        ("can't allocate memory", "dispatched on the CPU or the disk", "out of memory"),
        (
            "{id} does not fit into memory. See with nvidia-smi whether other processes hold the "
            "GPU and end them; set model.quantization to int8 or nf4 (4 bit); lower "
            "engine.max_rows, engine.context_tokens and max_new_tokens; spread it over "
            "GPUs with model.max_memory; or choose a smaller model"
        ),
    ),
    (
        "GATED",
        (GatedRepoError,),
        ("gated repo",),
        (
            "access to {id} is restricted. Ask for it on the model's page while signed in, then "
            "give the node your access token in the environment variable HF_TOKEN"
        ),
    ),
    (
        "NOT_FOUND",
        (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError),
        ("not a valid model identifier", "is not a valid git identifier"),
        (
            "the hub has no model {id}, or not this revision, or you may not see it. Check "
            "model.id and model.revision; a private model needs your access token in HF_TOKEN"
        ),
    ),
    (
        "NO_NETWORK",
        (LocalEntryNotFoundError, OfflineModeIsEnabled, httpx2.TransportError),
        ("We couldn't connect", "outgoing traffic has been disabled"),
        (
            "{id} is not on this machine and the hub cannot be reached. Check the network and "
            "proxy, or download the model elsewhere and set model.id to its folder"
        ),
    ),
    (
        "MISSING",
        (EntryNotFoundError, FileNotFoundError),
        ("does not appear to have a file", "no file named", "appear to have"),
        (
            "a file of {id} is missing: {reason}. Download the model again, with config, tokenizer "
            "and safetensors files"
        ),
    ),
    (
        "UNSUPPORTED",
        (ImportError,),
        ("Unrecognized", "does not recognize this architecture", "Unrecognized configuration"),
        "{id} cannot be run by the installed libraries: {reason}",
    ),
)


def explain(model_id: str, exc: BaseException) -> ModelNotLoaded:
    """Return the typed error for what the libraries raised while loading ``model_id``."""
    chain = list(_chain(exc))
    reason = " ".join(str(exc).split())
    for cause, kinds, phrases, text in REASONS:
        if any(isinstance(link, kinds) or _says(link, phrases) for link in chain):
            return ModelNotLoaded(
                text.format(id=model_id, reason=reason), cause=cause, model=model_id
            )
    return ModelNotLoaded(
        f"{model_id} cannot be loaded: {type(exc).__name__}: {reason}",
        cause="BROKEN",
        model=model_id,
    )


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _says(exc: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(exc)
    return any(phrase in text for phrase in phrases)
