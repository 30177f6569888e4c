"""Attention of the few tokens of one row over its cache cells, all queries of a key head at once.

Sixteen queries lie side by side in lanes, so that a number of a key or of a value meets all of
them in one instruction and no sum goes across lanes. Eight keys are met at a time, then eight
numbers of the values are mixed over all keys at a time: as many sums as a processor has busy.

What rows begin with alike is met by all of them together; see ``attention`` for the source.
"""

import numpy as np
from numba import njit

from planner_node.engine.cpu.intrinsics_kernel import LINE_BYTES, fetch
from planner_node.engine.cpu.lanes_kernel import (
    LANES,
    exponential_lanes,
    larger,
    load,
    multiply_add,
    spread,
    store,
)
from planner_node.engine.cpu.numbers_kernel import rounded, widen
from planner_node.engine.cpu.products_kernel import MATH, exponential

KEYS = 8  # that are met at a time; tables of scores are padded to it
NUMBERS = 8  # of a value that are mixed at a time; a head is as wide as some of these
_HIDDEN = np.float32(-1e30)  # the score of a key that a query does not see


@njit(error_model="numpy")
def fetch_keys(kv, runs, n, first, last, head):
    """Have what the run at ``n``, if there is one, meets of key heads ``first`` to ``last`` near.

    Its keys and values lie too far apart for the processor to guess what comes next.
    """
    if n == len(runs):
        return
    begin, stop = runs[n, 2] + runs[n, 4], runs[n, 2] + runs[n, 3]  # see ``attend``
    size, heads, step = len(head), kv.shape[1], LINE_BYTES // kv.itemsize
    for row in range(begin * heads, stop * heads, heads):
        for place in range((row + first) * size, (row + last) * size, step):
            fetch(kv, place)
            fetch(kv, place + heads // 2 * size)


@njit(fastmath=MATH, error_model="numpy")
def turn(qkv, cosine, sine, positions, tokens, first, last, head, like):
    """Rotate heads ``first`` to ``last``; half of the sines are negated (see ``llama``)."""
    size = len(head)
    half = size // 2
    for token in range(tokens):
        at = positions[token]
        for start in range(first * size, last * size, size):
            for i in range(half):
                a, b = qkv[token, start + i], qkv[token, start + half + i]
                c = rounded(a * cosine[at, i], like) + b * sine[at, i]
                d = rounded(b * cosine[at, half + i], like) + a * sine[at, half + i]
                qkv[token, start + i] = rounded(c, like)
                qkv[token, start + half + i] = rounded(d, like)


@njit(error_model="numpy")
def _store_eight(array, at, a, b, c, d, e, f, g, h):
    """Put eight lanes one after the other, from ``at`` on."""
    store(array, at, a)
    store(array, at + LANES, b)
    store(array, at + 2 * LANES, c)
    store(array, at + 3 * LANES, d)
    store(array, at + 4 * LANES, e)
    store(array, at + 5 * LANES, f)
    store(array, at + 6 * LANES, g)
    store(array, at + 7 * LANES, h)


@njit(fastmath=MATH, error_model="numpy")
def _score(kv, cell, key_head, queries, scores, stop, head):
    """Write scores [keys, lanes] of eight keys after the other, up to ``stop`` and some more."""
    last = len(kv) - 1
    for key in range(0, stop, KEYS):
        k0, k1 = kv[min(cell + key, last), key_head], kv[min(cell + key + 1, last), key_head]
        k2, k3 = kv[min(cell + key + 2, last), key_head], kv[min(cell + key + 3, last), key_head]
        k4, k5 = kv[min(cell + key + 4, last), key_head], kv[min(cell + key + 5, last), key_head]
        k6, k7 = kv[min(cell + key + 6, last), key_head], kv[min(cell + key + 7, last), key_head]
        a = b = c = d = e = f = g = h = spread(np.float32(0))
        for i in range(len(head)):
            query = load(queries, i * LANES)
            a = multiply_add(spread(widen(k0[i])), query, a)
            b = multiply_add(spread(widen(k1[i])), query, b)
            c = multiply_add(spread(widen(k2[i])), query, c)
            d = multiply_add(spread(widen(k3[i])), query, d)
            e = multiply_add(spread(widen(k4[i])), query, e)
            f = multiply_add(spread(widen(k5[i])), query, f)
            g = multiply_add(spread(widen(k6[i])), query, g)
            h = multiply_add(spread(widen(k7[i])), query, h)
        _store_eight(scores, key * LANES, a, b, c, d, e, f, g, h)


@njit(fastmath=MATH, error_model="numpy")
def _soften(scores, count, tops, totals):
    """Make scores of ``count`` keys weights; write the highest score and their sum [lanes]."""
    top = load(scores, 0)
    for key in range(count):
        top = larger(load(scores, key * LANES), top)
    minus, total = spread(np.float32(-1)), spread(np.float32(0))
    for key in range(count):
        weight = exponential_lanes(multiply_add(minus, top, load(scores, key * LANES)))
        store(scores, key * LANES, weight)
        total = multiply_add(spread(np.float32(1)), weight, total)
    store(tops, 0, top)
    store(totals, 0, total)


@njit(fastmath=MATH, error_model="numpy")
def _mix(kv, cell, value_head, weights, mixed, stop, head):
    """Write mixed [size, lanes]: the values of ``stop`` keys, each times its weight."""
    for i in range(0, len(head), NUMBERS):
        a = b = c = d = e = f = g = h = spread(np.float32(0))
        for key in range(stop):
            weight, value = load(weights, key * LANES), kv[cell + key, value_head]
            a = multiply_add(spread(widen(value[i])), weight, a)
            b = multiply_add(spread(widen(value[i + 1])), weight, b)
            c = multiply_add(spread(widen(value[i + 2])), weight, c)
            d = multiply_add(spread(widen(value[i + 3])), weight, d)
            e = multiply_add(spread(widen(value[i + 4])), weight, e)
            f = multiply_add(spread(widen(value[i + 5])), weight, f)
            g = multiply_add(spread(widen(value[i + 6])), weight, g)
            h = multiply_add(spread(widen(value[i + 7])), weight, h)
        _store_eight(mixed, i * LANES, a, b, c, d, e, f, g, h)


@njit(fastmath=MATH, error_model="numpy")
def _gather(qkv, tokens, first_head, sharing, block, used, queries, head):
    """Lay queries side by side [size, lanes]: ``sharing`` heads of a token, then the next's."""
    size = len(head)
    root = np.float32(1.0 / np.sqrt(size))
    for lane in range(used):
        token, place = tokens[(block + lane) // sharing], (block + lane) % sharing + first_head
        for i in range(size):
            queries[i * LANES + lane] = qkv[token, place * size + i] * root


@njit(fastmath=MATH, error_model="numpy")
def _keep(tokens, first_head, sharing, block, used, buffers, part, head):
    """Put what shared keys give aside, to be joined with what a row's own keys give."""
    size = len(head)
    for lane in range(used):
        token, place = tokens[(block + lane) // sharing], (block + lane) % sharing + first_head
        buffers.tops[token, place] = buffers.top[part, lane]
        buffers.totals[token, place] = buffers.total[part, lane]
        for i in range(size):
            buffers.mixed[token, place * size + i] = buffers.found[part, i * LANES + lane]


@njit(fastmath=MATH, error_model="numpy")
def _join(tokens, first_head, sharing, block, used, buffers, part, head, is_shared, like):
    """Write what own keys give, or the mean of both, weighed by the sums of their weights."""
    size = len(head)
    for lane in range(used):
        token, place = tokens[(block + lane) // sharing], (block + lane) % sharing + first_head
        top, total = buffers.top[part, lane], buffers.total[part, lane]
        own, kept = np.float32(1.0), np.float32(0.0)
        if is_shared:
            highest = max(top, buffers.tops[token, place])
            own = exponential(top - highest)
            kept = exponential(buffers.tops[token, place] - highest)
            total = total * own + buffers.totals[token, place] * kept
        own, kept = own / total, kept / total
        for i in range(place * size, (place + 1) * size):
            found = buffers.found[part, (i - place * size) * LANES + lane] * own
            if is_shared:
                found += buffers.mixed[token, i] * kept
            buffers.mixed[token, i] = rounded(found, like)


@njit(fastmath=MATH, error_model="numpy")
def attend_shared(kv, group, tokens, key_head, sharing, buffers, part, head):
    """Let all tokens of a group meet the keys that their rows begin with, and keep what they find.

    ``kv`` [cells, key heads and value heads, size]; ``group`` is where its tokens begin among
    ``tokens`` and end, the first cell of a row that holds the shared keys, and how many they are.
    """
    cell, count, first_head = group[2], group[3], key_head * sharing
    queries, scores = buffers.queries[part], buffers.weights[part]
    mine = tokens[group[0] : group[1]]
    for block in range(0, len(mine) * sharing, LANES):
        used = min(LANES, len(mine) * sharing - block)
        _gather(buffers.qkv, mine, first_head, sharing, block, used, queries, head)
        _score(kv, cell, key_head, queries, scores, count, head)
        _soften(scores, count, buffers.top[part], buffers.total[part])
        _mix(kv, cell, kv.shape[1] // 2 + key_head, scores, buffers.found[part], count, head)
        _keep(mine, first_head, sharing, block, used, buffers, part, head)


@njit(fastmath=MATH, error_model="numpy")
def attend(kv, run, tokens, key_head, sharing, buffers, part, head):
    """Write to ``buffers.mixed`` what the queries of one run that share ``key_head`` see.

    ``run`` is where its tokens begin among ``tokens`` and end, the cell of its row's first token,
    the position of its own first one, and how many keys of the row it has met already.
    """
    cell, start, met, first_head = run[2] + run[4], run[3] - run[4], run[4], key_head * sharing
    queries, scores = buffers.queries[part], buffers.weights[part]
    mine = tokens[run[0] : run[1]]
    for block in range(0, len(mine) * sharing, LANES):
        used = min(LANES, len(mine) * sharing - block)
        count = start + (block + used - 1) // sharing + 1
        _gather(buffers.qkv, mine, first_head, sharing, block, used, queries, head)
        _score(kv, cell, key_head, queries, scores, count, head)
        for lane in range(used):
            for key in range(start + (block + lane) // sharing + 1, count):
                scores[key * LANES + lane] = _HIDDEN
        _soften(scores, count, buffers.top[part], buffers.total[part])
        _mix(kv, cell, kv.shape[1] // 2 + key_head, scores, buffers.found[part], count, head)
        _join(mine, first_head, sharing, block, used, buffers, part, head, met > 0, kv[0, 0, 0])
