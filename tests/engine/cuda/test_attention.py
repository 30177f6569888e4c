"""Attention over cache rows against torch's own, one token at a time."""

import pytest
import torch
from torch.nn import functional

from planner_node.engine.cuda.attention import decode_attention, stretches_for

POSITIONS = 150


def plain(
    queries: torch.Tensor, cache: torch.Tensor, slots: list[int], positions: list[int]
) -> torch.Tensor:
    """Return what torch computes for each token alone, key heads repeated."""
    shared = queries.shape[1] // cache.shape[3]
    rows = []
    for query, slot, position in zip(queries, slots, positions, strict=True):
        keys, values = cache[slot, : position + 1].unbind(1)
        keys = keys.repeat_interleave(shared, 1).transpose(0, 1)
        values = values.repeat_interleave(shared, 1).transpose(0, 1)
        mixed = functional.scaled_dot_product_attention(query[:, None], keys, values)
        rows.append(mixed.flatten())
    return torch.stack(rows)


@pytest.mark.parametrize(("heads", "kv_heads", "size"), [(8, 2, 32), (6, 2, 32), (4, 4, 24)])
def test_decode_attention_equals_torch(
    heads: int, kv_heads: int, size: int, device: torch.device
) -> None:
    made = torch.Generator().manual_seed(4)
    slots, positions = [0, 2, 2, 1], [0, 130, 63, 149]
    queries = torch.randn(len(slots), heads, size, generator=made)
    cache = torch.randn(3, POSITIONS, 2, kv_heads, size, generator=made)
    found = decode_attention(
        queries.to(device),
        cache.to(device),
        torch.tensor(slots, device=device),
        torch.tensor(positions, device=device),
    )
    torch.testing.assert_close(
        found.cpu(), plain(queries, cache, slots, positions), rtol=2e-3, atol=2e-3
    )


def test_decode_attention_never_reads_behind_the_position(device: torch.device) -> None:
    made = torch.Generator().manual_seed(6)
    queries = torch.randn(1, 4, 16, generator=made)
    cache = torch.randn(1, POSITIONS, 2, 2, 16, generator=made)
    wanted = plain(queries, cache, [0], [70])
    cache[:, 71:] = float("nan")
    slot, position = torch.tensor([0], device=device), torch.tensor([70], device=device)
    found = decode_attention(queries.to(device), cache.to(device), slot, position)
    torch.testing.assert_close(found.cpu(), wanted, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("programs", "positions", "wanted"),
    [(8, 4097, 16), (256, 4097, 2), (4096, 4097, 1), (8, 100, 2)],
)
def test_stretches_are_many_only_where_programs_are_few(
    programs: int, positions: int, wanted: int
) -> None:
    assert stretches_for(programs, positions) == wanted
