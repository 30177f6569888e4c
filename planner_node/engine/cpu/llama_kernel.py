"""A whole forward of a Llama over a few tokens, from ids to logits, as one compiled function.

Each thread of a crew runs it with its own ``part``: it makes a share of the columns of every
product and of the heads of every attention, and waits for the others before it reads theirs.
"""

import numpy as np
from numba import carray, njit

from planner_node.engine.cpu.attention_kernel import attend, attend_shared, fetch_keys, turn
from planner_node.engine.cpu.compiling import prepare
from planner_node.engine.cpu.intrinsics_kernel import arrive, arrived, give_way, pointer_to
from planner_node.engine.cpu.numbers_kernel import narrow, widen
from planner_node.engine.cpu.products_kernel import (
    MATH,
    Product,
    lay_out,
    multiply,
    multiply_gated,
    normalize,
)
from planner_node.engine.cpu.tiles_kernel import (
    Scratch,
    give_registers_back,
    shape_in_memory,
    take_registers,
)

_IS_KEPT = prepare()
_PATIENCE_LOOKS = 4_000  # some ten microseconds: longer than any peer is behind on a quiet machine


@njit(error_model="numpy")
def _wait(counter, goal):
    looks = 0
    while arrived(counter) < goal:
        looks += 1
        if looks > _PATIENCE_LOOKS:
            give_way()


@njit(error_model="numpy")
def meet(counter, goal, parts):
    """Wait for all parts, and return the count of arrivals that this meant."""
    goal += parts
    if parts > 1:
        arrive(counter)
        _wait(counter, goal)
    return goal


@njit(error_model="numpy")
def _share(count, part, parts):
    """Return where a part of ``count`` columns begins: at a whole line of the nearest cache."""
    return count if part == parts else count * part // parts // 16 * 16


@njit(fastmath=MATH, error_model="numpy")
def _keep(kv, cells, qkv, tokens, first, last, heads, head, like):
    """Put the keys and values among heads ``first`` to ``last`` into their cells."""
    size = len(head)
    for token in range(tokens):
        for one in range(max(first, heads), last):
            for i in range(size):
                kv[cells[token], one - heads, i] = narrow(qkv[token, one * size + i], like)


@njit(error_model="numpy")
def _product(model, place, outputs, inputs):
    shape = shape_in_memory(model.number, outputs, inputs)
    numbers = carray(pointer_to(model.weights[place], model.number), shape)
    scale = carray(pointer_to(model.scales[place], np.float32(0)), (outputs,))
    bias = carray(pointer_to(model.biases[place], np.float32(0)), (outputs,))
    return Product(numbers, scale, bias)


@njit(fastmath=MATH, error_model="numpy", nogil=True, cache=_IS_KEPT)
def run(part, parts, counter, goal, model, buffers, step):
    """Do a part of the forward; see ``tables`` for the three named tuples."""
    shape, head, like = model.shape, model.head, model.kv[0, 0, 0, 0]
    size, hidden, heads, key_heads = len(head), shape.hidden, shape.heads, shape.key_heads
    all_heads, tokens, outputs = heads + 2 * key_heads, len(step.token_ids), len(step.outputs)
    sharing = heads // key_heads
    x, qkv, mixed, active = buffers.x, buffers.qkv, buffers.mixed, buffers.active
    mine = buffers.mine[part]
    scratch = Scratch(buffers.tiles[part], buffers.sums[part], buffers.registers)
    take_registers(model.number, scratch.shape)
    first_head, last_head = all_heads * part // parts, all_heads * (part + 1) // parts
    first, last = _share(hidden, part, parts), _share(hidden, part + 1, parts)
    first_key, last_key = key_heads * part // parts, key_heads * (part + 1) // parts
    first_active = _share(shape.active, part, parts)
    last_active = _share(shape.active, part + 1, parts)
    for token in range(tokens):
        for i in range(first, last):
            x[token, i] = widen(model.embedding[step.token_ids[token], i])
    goal = meet(counter, goal, parts)
    for layer in range(shape.layers):
        kv = model.kv[layer]
        fetch_keys(kv, step.runs, 0, first_key, last_key, head)
        normalize(x, model.norms[2 * layer], model.epsilon, mine, tokens, like)
        product = _product(model, 4 * layer, all_heads * size, hidden)
        lay_out(product, scratch, mine, tokens, like)
        multiply(
            product, scratch, mine, qkv, tokens, first_head * size, last_head * size, False, like
        )
        last_turned = min(last_head, heads + key_heads)
        turn(
            qkv,
            model.cosine,
            model.sine,
            step.positions,
            tokens,
            first_head,
            last_turned,
            head,
            like,
        )
        _keep(kv, step.cells, qkv, tokens, first_head, last_head, heads, head, like)
        goal = meet(counter, goal, parts)
        for group in step.groups:
            for key_head in range(first_key, last_key):
                attend_shared(kv, group, step.together, key_head, sharing, buffers, part, head)
        for n in range(len(step.runs)):
            fetch_keys(kv, step.runs, n + 1, first_key, last_key, head)
            for key_head in range(first_key, last_key):
                attend(kv, step.runs[n], step.apart, key_head, sharing, buffers, part, head)
        goal = meet(counter, goal, parts)
        attended = mixed
        if layer == shape.layers - 1:  # the other tokens have nothing more to say
            attended, tokens = mine, outputs
            for n in range(outputs):
                x[n, first:last] = x[step.outputs[n], first:last]
                mine[n, : heads * size] = mixed[step.outputs[n], : heads * size]
        product = _product(model, 4 * layer + 1, hidden, heads * size)
        lay_out(product, scratch, attended, tokens, like)
        multiply(product, scratch, attended, x, tokens, first, last, True, like)
        goal = meet(counter, goal, parts)
        normalize(x, model.norms[2 * layer + 1], model.epsilon, mine, tokens, like)
        product = _product(model, 4 * layer + 2, 2 * shape.active, hidden)
        lay_out(product, scratch, mine, tokens, like)
        multiply_gated(
            product, scratch, mine, buffers.ups, active, tokens, first_active, last_active, like
        )
        goal = meet(counter, goal, parts)
        product = _product(model, 4 * layer + 3, hidden, shape.active)
        lay_out(product, scratch, active, tokens, like)
        multiply(product, scratch, active, x, tokens, first, last, True, like)
        goal = meet(counter, goal, parts)
    normalize(x, model.norms[2 * shape.layers], model.epsilon, mine, tokens, like)
    product = _product(model, 4 * shape.layers, shape.vocabulary, hidden)
    lay_out(product, scratch, mine, tokens, like)
    first, last = _share(shape.vocabulary, part, parts), _share(shape.vocabulary, part + 1, parts)
    multiply(product, scratch, mine, step.scores, tokens, first, last, False, like)
    give_registers_back(model.number)
    meet(counter, goal, parts)
