"""What one forward pass is fed: a ragged set of token runs, each at its place in a cache row."""

from dataclasses import dataclass

from planner_node.engine.kv_cache import Prefix


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of one row's tokens that starts at position ``start``.

    Scores are wanted after its last ``num_outputs`` tokens: 0 within a prompt, 1 to choose the
    next token, more to verify a draft. ``prefix`` is what the row begins with and others share:
    the row's own cells hold it too, so a forward may read either.
    """

    slot: int
    start: int
    token_ids: list[int]
    num_outputs: int
    prefix: Prefix | None = None

    @property
    def stop(self) -> int:
        return self.start + len(self.token_ids)


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring rows that attend together, padded to the longest run among them.

    ``cells`` tells, for every token of the group in the batch's flat order, its cell in the
    padded [rows, query] table; it is None where the table has no padding and the order is equal.
    """

    chunks: list[Chunk]
    first_token: int
    first_slot: int
    num_rows: int
    num_query: int
    num_keys: int
    cells: list[int] | None

    @property
    def num_tokens(self) -> int:
        return sum(len(chunk.token_ids) for chunk in self.chunks)


RECORDED_TOKENS = 128  # of the longest step that is recorded on CUDA
SHORT_TOKENS = 16  # runs up to this long share a padded table; a prompt would pad everyone to it


def in_attention_order(chunks: list[Chunk]) -> list[Chunk]:
    """Return the chunks in the flat order: short runs by slot, then the long ones."""
    return sorted(chunks, key=lambda c: (len(c.token_ids) > SHORT_TOKENS, c.slot))


def groups_of(ordered: list[Chunk]) -> list[Group]:
    """Split chunks in attention order: one group of short runs, then each long run alone."""
    num_short = sum(len(chunk.token_ids) <= SHORT_TOKENS for chunk in ordered)
    parts = [ordered[:num_short]] if num_short else []
    parts += [[chunk] for chunk in ordered[num_short:]]
    groups: list[Group] = []
    first_token = 0
    for part in parts:
        groups.append(_group(part, first_token))
        first_token += groups[-1].num_tokens
    return groups


def _group(chunks: list[Chunk], first_token: int) -> Group:
    first_slot = chunks[0].slot
    num_rows = chunks[-1].slot - first_slot + 1
    num_query = max(len(chunk.token_ids) for chunk in chunks)
    cells = [
        (chunk.slot - first_slot) * num_query + column
        for chunk in chunks
        for column in range(len(chunk.token_ids))
    ]
    return Group(
        chunks=chunks,
        first_token=first_token,
        first_slot=first_slot,
        num_rows=num_rows,
        num_query=num_query,
        num_keys=max(chunk.stop for chunk in chunks),
        cells=None if len(cells) == num_rows * num_query else cells,
    )
