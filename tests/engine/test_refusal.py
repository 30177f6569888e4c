"""What people read when a model does not load."""

import httpx2
import pytest
import torch
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from planner_node.engine.refusal import explain

RESPONSE = httpx2.Response(403, request=httpx2.Request("GET", "http://hub.invalid/model"))


def wrapped(cause: BaseException) -> OSError:
    """Return the cause as transformers hands it on."""
    error = OSError("something about a model")
    error.__cause__ = cause
    return error


FAILURES = [
    (GatedRepoError("gated", response=RESPONSE), "GATED", "HF_TOKEN"),
    (RepositoryNotFoundError("none", response=RESPONSE), "NOT_FOUND", "model.id"),
    (LocalEntryNotFoundError("none"), "NO_NETWORK", "folder"),
    (OfflineModeIsEnabled("offline"), "NO_NETWORK", "folder"),
    (httpx2.ConnectError("refused"), "NO_NETWORK", "network"),
    (FileNotFoundError("model.safetensors"), "MISSING", "Download the model again"),
    (torch.OutOfMemoryError("CUDA out of memory"), "OUT_OF_MEMORY", "nvidia-smi"),
    (MemoryError(), "OUT_OF_MEMORY", "4 bit"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "OUT_OF_MEMORY", "smaller"),
    (ImportError("needs bitsandbytes"), "UNSUPPORTED", "bitsandbytes"),
]


@pytest.mark.parametrize(("exc", "cause", "advice"), FAILURES)
def test_failure_says_what_to_do(exc: Exception, cause: str, advice: str) -> None:
    refusal = explain("owner/model", exc)
    assert refusal.references["cause"] == cause
    assert advice in str(refusal)


@pytest.mark.parametrize(("exc", "cause", "advice"), FAILURES)
def test_failure_is_found_behind_the_error_of_a_library(
    exc: Exception, cause: str, advice: str
) -> None:
    outer = OSError("something about a model")
    outer.__cause__ = exc
    assert explain("owner/model", outer).references["cause"] == cause


def test_unknown_failure_is_quoted() -> None:
    refusal = explain("owner/model", ValueError("strange"))
    assert str(refusal) == "owner/model cannot be loaded: ValueError: strange"
