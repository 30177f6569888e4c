"""Keys and values of all rows in buffers made once, and copies of the prefixes that rows share."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor


class KvSlots:
    """Buffers of shape [rows, context + 1, ...], one or two per layer.

    A row's tokens lie at its slot, from position 0 on. Position ``context`` is scratch: padding
    is written there and never read. The buffers are made by the model that fills them, because
    only it knows heads, dtype and device.
    """

    def __init__(self, rows: int, context_tokens: int) -> None:
        self.rows = rows
        self.context_tokens = context_tokens
        self._buffers: list[Tensor] = []
        self._stacks: list[Tensor] = []  # the same, [layers, rows, context + 1, ...]

    @property
    def scratch_position(self) -> int:
        return self.context_tokens

    @property
    def num_bytes(self) -> int:
        return sum(buffer.nbytes for buffer in self._buffers)

    def make_layers(
        self, layers: int, tail: tuple[int, ...], dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        """Return one buffer [layers, rows, context + 1, *tail]; see ``make``."""
        shape = (layers, self.rows, self.context_tokens + 1, *tail)
        whole = torch.zeros(shape, dtype=dtype, device=device)
        self._buffers += whole.unbind(0)
        self._stacks.append(whole)
        return whole

    def make(self, tail: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return a new buffer [rows, context + 1, *tail] that moves and copies include.

        Zeros, not garbage: a masked position is multiplied by zero, and garbage may be NaN.
        """
        shape = (self.rows, self.context_tokens + 1, *tail)
        buffer = torch.zeros(shape, dtype=dtype, device=device)
        self._buffers.append(buffer)
        self._stacks.append(buffer[None])
        return buffer

    def move(self, source: int, target: int, num_tokens: int) -> None:
        for stack in self._stacks:
            stack[:, target, :num_tokens] = stack[:, source, :num_tokens]

    def wipe(self, slot: int) -> None:
        """Zero a row: what it holds may be NaN, and a masked NaN still spoils who comes next."""
        for stack in self._stacks:
            stack[:, slot].zero_()

    def copy_out(self, slot: int, num_tokens: int) -> list[Tensor]:
        """Return the row's first ``num_tokens`` tokens, one [tokens, ...] copy per buffer."""
        return [buffer[slot, :num_tokens].clone() for buffer in self._buffers]

    def copy_in(self, slot: int, copies: list[Tensor], num_tokens: int) -> None:
        """Put the first ``num_tokens`` tokens of what ``copy_out`` returned at the row's start."""
        for buffer, copy in zip(self._buffers, copies, strict=True):
            buffer[slot, :num_tokens] = copy[:num_tokens]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Prefix:
    """The keys and values of a run of leading ids; equal only to itself."""

    num_tokens: int
    copies: list[Tensor]


class PrefixStore:
    """The prefixes that were computed lately; the least recently used one makes room."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()

    @property
    def enabled(self) -> bool:
        return self._max_entries > 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, token_ids: tuple[int, ...]) -> bool:
        return token_ids in self._entries

    def find(self, token_ids: tuple[int, ...]) -> Prefix | None:
        if token_ids in self._entries:
            self._entries.move_to_end(token_ids)
        return self._entries.get(token_ids)

    def keep(self, token_ids: tuple[int, ...], copies: list[Tensor]) -> Prefix:
        """Take in a prefix and return it; rows may hold on to one that has made room since."""
        prefix = self._entries[token_ids] = Prefix(len(token_ids), copies)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return prefix

    def clear(self) -> None:
        """Drop everything: the device needs the room."""
        self._entries.clear()
