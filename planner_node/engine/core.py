"""The loop: add and cancel requests, and step: schedule → guess → forward → choose → commit.

Synchronous and single-threaded; ``worker`` gives it a thread.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from planner_node.clock import monotonic_s
from planner_node.engine.batch import RECORDED_TOKENS, Chunk
from planner_node.engine.drafts import Drafter
from planner_node.engine.kv_cache import PrefixStore
from planner_node.engine.limits import EngineLimits, EngineStats
from planner_node.engine.model import Forward
from planner_node.engine.news import News
from planner_node.engine.request import Event, Finish, Request
from planner_node.engine.sampler import Pick, Sampler
from planner_node.engine.scheduler import Scheduler, Turn
from planner_node.engine.scores import NOTHING
from planner_node.engine.sequence import Sequence
from planner_node.engine.threads import ThreadChoice
from planner_node.errors import ContextTooLong

log = logging.getLogger(__name__)


class Engine:
    """Runs many requests over one model; one thread at a time may call it, ``stats`` excepted."""

    def __init__(
        self,
        forward: Forward,
        limits: EngineLimits,
        clock: Callable[[], float] = monotonic_s,
        threads: ThreadChoice | None = None,
    ) -> None:
        self._forward = forward
        self._clock = clock
        self._threads = threads
        self._slots = forward.slots
        self._scheduler = Scheduler(limits)
        self._prefixes = PrefixStore(limits.prefixes)
        recorded_tokens = 0 if forward.device.type == "cpu" else RECORDED_TOKENS
        self._drafter = Drafter(limits.draft_tokens, recorded_tokens)
        self._sampler = Sampler(forward, limits.rows)
        self._sequences: dict[str, Sequence] = {}
        self._stats = EngineStats()

    @property
    def idle(self) -> bool:
        return not self._sequences

    def stats(self) -> EngineStats:
        """Return a snapshot; any thread may ask."""
        scheduler = self._scheduler
        return replace(self._stats, rows=len(scheduler.running), waiting=len(scheduler.waiting))

    def add(self, request: Request) -> None:
        """Take a request; raise ``ContextTooLong``, ``QueueFull`` or ``ValueError`` (ids)."""
        room = self._slots.context_tokens
        if len(request.prompt) >= room:
            raise ContextTooLong(f"the prompt has {len(request.prompt)} tokens of at most {room}")
        if request.request_id in self._sequences:
            raise ValueError(f"request id {request.request_id} is in use")
        if not 0 <= min(request.prompt) <= max(request.prompt) < self._forward.vocabulary_tokens:
            raise ValueError("the prompt has ids that the model does not know")
        sequence = Sequence(request, room)
        sequence.added_s = self._clock()
        self._scheduler.add(sequence)
        self._sequences[request.request_id] = sequence
        self._stats.requests += 1

    @torch.inference_mode()
    def cancel(self, request_id: str) -> Event | None:
        """End a request now; return its last event, or None when it is past its end already."""
        sequence = self._sequences.get(request_id)
        if sequence is None:
            return None
        news = News()
        sequence.finished = Finish.CANCELED
        self._end(sequence, news)
        return news.events()[0]

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Bring every running request one forward further; return what is new."""
        news = News()
        self._expire(news)
        self._admit(news)
        if turns := self._scheduler.turns():
            try:
                picks = self._run(turns)
            except RuntimeError as exc:
                if not is_out_of_memory(exc):
                    raise
                self._give_up(turns, exc, news)
            else:
                self._commit(turns, picks, news)
        return news.events()

    def _expire(self, news: News) -> None:
        for sequence in self._scheduler.expired(self._clock()):
            sequence.finished = Finish.DEADLINE
            self._end(sequence, news)

    def _admit(self, news: News) -> None:
        for sequence in self._scheduler.admit(self._prefixes.__contains__):
            self._stats.admitted += 1
            self._stats.queue_wait_seconds += self._clock() - sequence.added_s
            forced = sequence.open()
            news.add(sequence, forced)
            self._stats.forced_tokens += len(forced)
            self._stats.prompt_tokens += len(sequence.request.prompt)
            if sequence.finished is None:
                self._reuse_prefix(sequence)
            else:
                self._end(sequence, news)

    def _reuse_prefix(self, sequence: Sequence) -> None:
        if not sequence.request.prefix_tokens:
            return
        prefix = self._prefixes.find(sequence.prefix)
        if prefix is None:
            self._stats.prefix_misses += 1
            return
        # the last token goes through the model in any case: its scores choose the next one
        num_tokens = min(prefix.num_tokens, len(sequence.tokens) - 1)
        self._slots.copy_in(sequence.slot, prefix.copies, num_tokens)
        sequence.computed = sequence.cached_tokens = num_tokens
        sequence.shared = prefix
        self._stats.prefix_hits += 1
        self._stats.cached_tokens += num_tokens

    def _run(self, turns: list[Turn]) -> list[Pick]:
        """Return one pick for each turn that samples, in order."""
        num_drafted = self._drafter.draft(turns)
        self._stats.drafted_tokens += num_drafted
        chunks = [_chunk(turn) for turn in turns]
        num_tokens = sum(len(chunk.token_ids) for chunk in chunks)
        begun_s = self._clock()
        if self._threads is not None:
            self._threads.begin(num_tokens)
        hidden = self._forward.hidden(chunks)
        picks = self._sampler.pick([turn.sequence for turn in turns if turn.samples], hidden)
        spent_s = self._clock() - begun_s
        self._scheduler.pace.note(num_tokens, num_drafted, len(turns), spent_s)
        if self._threads is not None:
            self._threads.end(spent_s)
        return picks

    def _commit(self, turns: list[Turn], picks: list[Pick], news: News) -> None:
        self._stats.forward_passes += 1
        self._stats.forward_rows += len(turns)
        coming = iter(picks)
        for turn in turns:
            self._advance(turn)
            if turn.samples:
                self._take(turn.sequence, next(coming), news)
        for turn in turns:
            if turn.sequence.finished is not None:
                self._end(turn.sequence, news)

    def _advance(self, turn: Turn) -> None:
        """Count what is in the cache now, and keep the prefix when it has just become whole."""
        sequence = turn.sequence
        prefix_tokens = sequence.request.prefix_tokens
        was_building = sequence.computed < prefix_tokens
        sequence.computed += turn.num_tokens
        sequence.forward_passes += 1
        if was_building and sequence.computed >= prefix_tokens and self._prefixes.enabled:
            self._keep_prefix(sequence)

    def _keep_prefix(self, sequence: Sequence) -> None:
        """Keep a copy where it fits; without one the row goes on with its own cells."""
        num_tokens = len(sequence.prefix)
        try:
            copies = self._slots.copy_out(sequence.slot, num_tokens)
        except RuntimeError as exc:
            if not is_out_of_memory(exc):
                raise
            log.warning("! no memory to keep a prefix of %d tokens: %s", num_tokens, exc)
            self._make_room()
        else:
            sequence.shared = self._prefixes.keep(sequence.prefix, copies)

    def _take(self, sequence: Sequence, pick: Pick, news: News) -> None:
        if pick.draft.token_ids:
            self._drafter.note(sequence, pick.draft, pick.num_kept)
        forced_before, accepted_before = sequence.forced_tokens, sequence.accepted_tokens
        news.add(sequence, sequence.take_draft(pick.draft, pick.num_kept))
        if sequence.finished is None and pick.token_id == NOTHING:
            sequence.refuse(is_finite=pick.is_finite)
            self._slots.wipe(sequence.slot)
        elif sequence.finished is None:
            news.add(sequence, sequence.commit(pick.token_id))
            self._stats.sampled_tokens += 1
        self._stats.forced_tokens += sequence.forced_tokens - forced_before
        self._stats.accepted_tokens += sequence.accepted_tokens - accepted_before

    def _end(self, sequence: Sequence, news: News) -> None:
        del self._sequences[sequence.request.request_id]
        self._drafter.forget(sequence)
        if (move := self._scheduler.remove(sequence)) is not None:
            self._slots.move(move.source, move.target, move.num_tokens)
        news.end(sequence)

    def _give_up(self, turns: list[Turn], exc: RuntimeError, news: News) -> None:
        """End the step's requests: their caches are in an unknown state. The others go on."""
        log.error("! out of memory in a step of %d rows: %s", len(turns), exc)
        for turn in turns:
            turn.sequence.finished = Finish.OUT_OF_MEMORY
            turn.sequence.error = str(exc)
            self._end(turn.sequence, news)
        self._make_room()

    def _make_room(self) -> None:
        """Give the device what is kept only to be faster."""
        self._stats.out_of_memory += 1
        self._prefixes.clear()
        if self._forward.device.type == "cuda":
            torch.cuda.empty_cache()


def is_out_of_memory(exc: RuntimeError) -> bool:
    """Whether torch says that the device, or the machine, has no room."""
    return isinstance(exc, torch.OutOfMemoryError) or "can't allocate memory" in str(exc)


def _chunk(turn: Turn) -> Chunk:
    start = turn.sequence.computed
    draft = turn.sequence.draft.token_ids
    return Chunk(
        slot=turn.sequence.slot,
        start=start,
        token_ids=turn.sequence.tokens[start : start + turn.num_tokens] + draft,
        num_outputs=len(draft) + 1 if turn.samples else 0,
        prefix=turn.sequence.shared,
    )
