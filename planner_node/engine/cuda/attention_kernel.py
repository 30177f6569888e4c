"""The kernels behind ``attention``: a stretch of keys a program, then a sum over stretches."""

import triton
import triton.language as tl


@triton.jit
def stretch_kernel(
    queries,
    cache,
    slots,
    positions,
    sums,
    peaks,
    weights,
    softmax_scale,
    num_stretches,
    slot_stride,
    position_stride,
    query_stride,
    NUM_HEADS: tl.constexpr,
    NUM_KV_HEADS: tl.constexpr,
    HEAD_SIZE: tl.constexpr,
    BLOCK_HEADS: tl.constexpr,
    BLOCK_SIZE: tl.constexpr,
    BLOCK_KEYS: tl.constexpr,
):
    """Attend from one token's heads that share a key head to one stretch of its row's keys.

    Online softmax (Milakov and Gimelshein, 2018), stretches as in flash-decoding (Dao and others,
    2023): peaks and weights of each stretch are kept, so that the sums can be put together.
    """
    token = tl.program_id(0)
    kv_head = tl.program_id(1)
    stretch = tl.program_id(2)
    shared = NUM_HEADS // NUM_KV_HEADS
    num_keys = tl.load(positions + token) + 1
    blocks = tl.cdiv(tl.cdiv(num_keys, num_stretches), BLOCK_KEYS)
    first_key = stretch * blocks * BLOCK_KEYS
    end_key = tl.minimum(first_key + blocks * BLOCK_KEYS, num_keys)

    heads = tl.arange(0, BLOCK_HEADS)
    size = tl.arange(0, BLOCK_SIZE)
    is_head = heads < shared
    is_size = size < HEAD_SIZE
    head_ids = kv_head * shared + heads
    query = tl.load(
        queries + token.to(tl.int64) * query_stride + head_ids[:, None] * HEAD_SIZE + size[None, :],
        mask=is_head[:, None] & is_size[None, :],
        other=0.0,
    )
    row = cache + tl.load(slots + token).to(tl.int64) * slot_stride + kv_head * HEAD_SIZE
    peak = tl.full([BLOCK_HEADS], float("-inf"), dtype=tl.float32)
    weight = tl.zeros([BLOCK_HEADS], dtype=tl.float32)
    total = tl.zeros([BLOCK_HEADS, BLOCK_SIZE], dtype=tl.float32)
    for start in range(first_key, end_key, BLOCK_KEYS):
        keys = start + tl.arange(0, BLOCK_KEYS)
        is_key = keys < end_key
        cells = row + keys.to(tl.int64)[:, None] * position_stride + size[None, :]
        seen = is_key[:, None] & is_size[None, :]
        key = tl.load(cells, mask=seen, other=0.0)
        value = tl.load(cells + NUM_KV_HEADS * HEAD_SIZE, mask=seen, other=0.0)
        scores = tl.dot(query, tl.trans(key), input_precision="ieee") * softmax_scale
        scores = tl.where(is_key[None, :], scores, float("-inf"))
        higher = tl.maximum(peak, tl.max(scores, 1))
        shares = tl.exp(scores - higher[:, None])
        shrink = tl.exp(peak - higher)
        weight = weight * shrink + tl.sum(shares, 1)
        total = total * shrink[:, None] + tl.dot(
            shares.to(value.dtype), value, input_precision="ieee"
        )
        peak = higher

    place = (token.to(tl.int64) * NUM_HEADS + head_ids) * num_stretches + stretch
    tl.store(peaks + place, peak, mask=is_head)
    tl.store(weights + place, weight, mask=is_head)
    tl.store(
        sums + place[:, None] * HEAD_SIZE + size[None, :],
        total,
        mask=is_head[:, None] & is_size[None, :],
    )


@triton.jit
def gather_kernel(
    sums,
    peaks,
    weights,
    out,
    num_stretches,
    HEAD_SIZE: tl.constexpr,
    BLOCK_STRETCHES: tl.constexpr,
    BLOCK_SIZE: tl.constexpr,
):
    """Put one head's stretches together; a stretch without keys has weight 0 and peak -inf."""
    head = tl.program_id(0).to(tl.int64)
    stretches = tl.arange(0, BLOCK_STRETCHES)
    size = tl.arange(0, BLOCK_SIZE)
    is_stretch = stretches < num_stretches
    is_size = size < HEAD_SIZE
    place = head * num_stretches + stretches
    peak = tl.load(peaks + place, mask=is_stretch, other=float("-inf"))
    weight = tl.load(weights + place, mask=is_stretch, other=0.0)
    total = tl.load(
        sums + place[:, None] * HEAD_SIZE + size[None, :],
        mask=is_stretch[:, None] & is_size[None, :],
        other=0.0,
    )
    share = tl.exp(peak - tl.max(peak, 0))
    mixed = tl.sum(total * share[:, None], 0) / tl.sum(weight * share, 0)
    tl.store(out + head * HEAD_SIZE + size, mixed.to(out.dtype.element_ty), mask=is_size)
