"""The remote engine's life: read the tokenizer, find a server that is well, keep watch."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import httpx2

from planner_node.clock import Clock, SystemClock
from planner_node.completion.loading import tokens_of
from planner_node.completion.remote.completer import RemoteCompleter
from planner_node.completion.remote.endpoint import Endpoint
from planner_node.completion.remote.looking import Looking, Sample, Tokens
from planner_node.completion.remote.phrasing import ChatPhrasing, Phrasing, TokenPhrasing
from planner_node.completion.remote.pool import Pool
from planner_node.completion.request import CompletionRequest, Message
from planner_node.prompt.render import Renderer
from planner_node.settings import EndpointSettings, EngineSettings, ModelSettings, secret

log = logging.getLogger(__name__)
_HELLO: Final = CompletionRequest("hello", (Message("user", "Say that you are ready. 請回報。"),))


def _nothing() -> None:
    return None


class RemoteModel:
    """Servers in place of a model: ``start`` waits for one, ``wait_ended`` looks after them all.

    ``changed`` is called when the last endpoint leaves and when the first comes back.
    """

    def __init__(
        self,
        model: ModelSettings,
        engine: EngineSettings,
        clock: Clock | None = None,
        changed: Callable[[], None] = _nothing,
    ) -> None:
        self._model = model
        self._engine = engine
        self._clock = clock or SystemClock()
        self._changed = changed
        self._is_well = asyncio.Event()
        self.pool: Pool | None = None
        self._looking: Looking | None = None

    @property
    def trouble(self) -> str:
        """Why no request can be taken; empty where one can."""
        return "the endpoints were not asked yet" if self.pool is None else self.pool.trouble

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All of them, well or not; empty before ``start``."""
        return () if self.pool is None else self.pool.endpoints

    async def start(self) -> RemoteCompleter:
        """Wait until an endpoint is well, however long, and return what speaks with it.

        Raises:
            ModelNotLoaded: there is no tokenizer for ``model.id``.
            SettingsRefused: a file with a key cannot be read.
        """
        phrasing, looking = await self.prepare()
        assert self.pool is not None  # noqa: S101  just built
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(looking.watch(), name="engine.endpoints.first")
            await self._is_well.wait()
            watching.cancel()
        return RemoteCompleter(phrasing, self.pool, self._engine.context_tokens, self._clock)

    async def prepare(self) -> tuple[Phrasing, Looking]:
        """Build everything that asks; raises as ``start``."""
        phrasing, sample = await asyncio.to_thread(self._phrasing)
        endpoints = [self._endpoint(one) for one in self._engine.endpoints]
        self.pool = Pool(endpoints, self._engine.max_waiting, self._pool_changed)
        self._looking = Looking(self.pool, sample, self._engine.health_interval_s)
        return phrasing, self._looking

    async def wait_ended(self) -> None:
        """Look after the endpoints until cancelled."""
        if self._looking is not None:
            await self._looking.watch()

    async def stop(self) -> None:
        """Close every connection; what still runs there is stopped by it."""
        for endpoint in self.endpoints:
            await endpoint.close()

    def _pool_changed(self) -> None:
        if self.trouble:
            log.warning("! %s", self.trouble)
        else:
            self._is_well.set()
        self._changed()

    def _phrasing(self) -> tuple[Phrasing, Sample]:
        hello = _HELLO.messages
        if self._engine.prompt == "chat":
            chat = ChatPhrasing()
            question = chat.phrase(_HELLO, (), self._engine.context_tokens).body
            return chat, Sample(path=chat.path, question={"messages": question["messages"]})
        tokenizer, vocabulary = tokens_of(self._model)
        renderer = Renderer(tokenizer)
        ids = [*renderer.render(hello, ()).token_ids]
        said = tokenizer.encode(hello[0].content)
        tokens = Tokens(ids=said, text=hello[0].content)
        sample = Sample(path=TokenPhrasing.path, question={"prompt": [*ids]}, tokens=tokens)
        return TokenPhrasing(renderer, vocabulary), sample

    def _endpoint(self, settings: EndpointSettings) -> Endpoint:
        engine = self._engine
        key = secret(settings.api_key, settings.api_key_file)
        key = key or secret(engine.api_key, engine.api_key_file)
        client = httpx2.AsyncClient(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(
                engine.idle_timeout_s, connect=engine.connect_timeout_s, pool=None
            ),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
            trust_env=False,  # an address in the settings means that address, not a proxy
        )
        return Endpoint(settings, client, self._clock)
